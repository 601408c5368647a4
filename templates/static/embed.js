// Many Voices, embed 1: puts the invitation under a page and, where their authors agreed, tags beside comments.
//
//   <script src="https://voices.example.org/embed.js" data-community="hub" async></script>
//
// It makes one iframe and text, keeps nothing on the device, and asks nobody but the service it came from. Where that
// does not answer, nothing shows. docs/embed.md says what may be set, and what each platform's row below means.
(() => {
  "use strict";
  const script = document.currentScript;
  const community = script && script.dataset.community;
  // Pasted twice, or run again by a page that changes without loading: the first one does the work.
  if (!community || document.manyVoices) return;
  document.manyVoices = true;

  const service = new URL(".", script.src);
  const given = { ...script.dataset };
  const PATIENCE = 10000;
  const PAUSE = 250;
  const TALLEST = 5000;

  let asked = null;
  let answer = null;
  let platform = given.platform;
  let places = {};
  let panel = null;
  let timer = 0;
  const tagged = new Map();

  async function look() {
    timer = 0;
    const address = isForAll() ? addressOfPage() : null;
    if (address !== asked) {
      asked = address;
      answer = null;
      clear();
      if (address === null) return;
      const told = await ask(address);
      // Somebody went on to another page while we asked.
      if (address !== asked || !told) return;
      platform = given.platform || told.platform;
      places = { ...PLATFORMS[platform], ...told.places, ...given };
      // Where this platform, or this community, keeps the address of a page is known only now.
      if (addressOfPage() !== address) return later();
      answer = told;
    }
    if (!answer) return;
    putPanel();
    putTags();
    // What we put in ourselves is no news.
    watch.takeRecords();
  }

  function later() {
    if (!timer) timer = setTimeout(() => look().catch(() => {}), PAUSE);
  }

  async function ask(address) {
    try {
      const url = new URL(`members/${encodeURIComponent(community)}/tags`, service);
      url.searchParams.set("url", address);
      const signal = AbortSignal.timeout(PATIENCE);
      const response = await fetch(url, { credentials: "omit", referrerPolicy: "no-referrer", signal });
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }

  // The address of a private conversation holds its title: nobody is told of it. A page that is still being drawn does
  // not say yet what it is.
  function isForAll() {
    const { drawn, closed } = PLATFORMS[platform] || {};
    return !(drawn && !document.querySelector(drawn)) && !(closed && document.querySelector(closed));
  }

  // The address as the forum tells it: without the place on the page, the page of many, and where a link came from.
  function addressOfPage() {
    if (given.url) return given.url;
    const here = new URL(location.href);
    const said = document.querySelector(places.page || given.page || 'link[rel="canonical"]');
    const there = platform !== "discourse" && said && said.href ? new URL(said.href) : here;
    const url = there.origin === here.origin ? there : here;
    url.hash = "";
    for (const name of [...url.searchParams.keys()]) if (ASIDE.test(name)) url.searchParams.delete(name);
    const topic = platform === "discourse" && TOPIC.exec(url.pathname);
    if (topic) return url.origin + topic[0];
    url.pathname = url.pathname.replace(/\/page\/\d+\/?$/, "/");
    return url.href;
  }

  function putPanel() {
    const place = placeOfPanel();
    const isMember = places.member && document.querySelector(places.member);
    if (!place || isMember) {
      if (panel) panel.remove();
      panel = null;
      return;
    }
    if (panel && panel.isConnected) return;
    const url = new URL(`members/${encodeURIComponent(community)}/panel`, service);
    url.searchParams.set("url", asked);
    url.searchParams.set("fit", "1");
    panel = document.createElement("iframe");
    panel.title = given.title || answer.title;
    panel.loading = "lazy";
    panel.src = url.href;
    // By property, which a page's own Content-Security-Policy allows where it forbids styles in attributes.
    Object.assign(panel.style, { display: "block", width: "100%", height: "40rem", border: "0" });
    place.after(panel);
  }

  function placeOfPanel() {
    for (const selector of [].concat(places.panel || [])) {
      if (selector === "none") return null;
      const found = [...document.querySelectorAll(selector)].pop();
      if (found) return found;
    }
    // Nothing is named: where the site owner put the script, if that is a place on the page.
    return document.body.contains(script) ? script : null;
  }

  function putTags() {
    const seen = new Set();
    for (const comment of places.comment ? document.querySelectorAll(places.comment) : []) {
      // What stands within somebody's words is no comment, whatever it says it is.
      if (places.tag && comment.parentElement.closest(places.tag)) continue;
      const id = (comment.getAttribute(places.id || "id") || "").replace(places.before || "", "");
      seen.add(comment);
      const was = tagged.get(comment);
      if (was && was.id === id && was.text.isConnected && comment.contains(was.text)) continue;
      if (was) was.text.remove();
      tagged.delete(comment);
      if (!Object.hasOwn(answer.tags, id)) continue;
      const text = document.createTextNode(` ${given.says || answer.says} ${answer.tags[id].join(", ")} `);
      const beside = places.tag && comment.querySelector(places.tag);
      if (beside) beside.after(text);
      else comment.append(text);
      tagged.set(comment, { id, text });
    }
    for (const comment of tagged.keys()) if (!seen.has(comment)) tagged.delete(comment);
  }

  function clear() {
    if (panel) panel.remove();
    panel = null;
    for (const { text } of tagged.values()) text.remove();
    tagged.clear();
  }

  addEventListener("message", (event) => {
    if (!panel || event.origin !== service.origin || event.source !== panel.contentWindow) return;
    const height = Number(event.data && event.data.manyvoicesHeight);
    if (height > 0 && height <= TALLEST) panel.style.height = `${height}px`;
  });

  // What only says how somebody came to the page, or which part of it they look at.
  const ASIDE = /^(page|do|comment|tab|sort|utm_.*|fbclid|gclid)$/i;

  // Discourse adds the number of the comment that is looked at, and says so nowhere else while one reads on.
  const TOPIC = /^.*?\/t\/[^/]+\/\d+(?=\/|$)/;

  const PLATFORMS = {
    invision: {
      comment: "article[data-commentid], [data-commentid][id^='comment-']",
      id: "data-commentid",
      tag: "[data-role='commentContent']",
      panel: [".cGuestTeaser", ".ipsComposeArea_unavailable", "[data-role='commentFeed']"],
      member: "#elUserLink, #cUserLink",
    },
    discourse: {
      comment: ".topic-post article[data-post-id]",
      id: "data-post-id",
      tag: ".cooked",
      panel: ["#topic-footer-buttons", ".post-stream"],
      member: "#current-user, .header-dropdown-toggle.current-user",
      drawn: ".topic-post",
      closed: ".archetype-private_message",
    },
    flaskbb: {
      comment: "#topic-posts .post-row",
      id: "id",
      tag: ".post-content",
      panel: ["#topic-posts"],
      member: "a[href$='/auth/logout'], form[action$='/auth/logout']",
    },
  };

  const watch = new MutationObserver(later);
  watch.observe(document.documentElement, { childList: true, subtree: true });
  later();
})();
