// Adds a button that copies a field. Without this file the field can still be selected by hand.
document.querySelectorAll("[data-copies]").forEach((field) => {
  if (!navigator.clipboard) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn choice mt-2";
  button.textContent = field.dataset.copies;
  const said = document.createElement("span");
  said.setAttribute("role", "status");
  said.className = "copied";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(field.value);
    said.textContent = field.dataset.copied;
  });
  field.after(button, said);
});
