// Tells the page around the invitation how tall it is, and nothing else. Only the community's own sites may frame it.
"use strict";
new ResizeObserver(() => {
  const height = document.documentElement.getBoundingClientRect().height;
  parent.postMessage({ manyvoicesHeight: Math.ceil(height) }, "*");
}).observe(document.documentElement);
