// Loads Many Voices' one script. It follows the topic that is read by itself: docs/embed.md.
import { apiInitializer } from "discourse/lib/api";
import { i18n } from "discourse-i18n";

export default apiInitializer(() => {
  if (!settings.service || !settings.community) {
    return;
  }
  const script = document.createElement("script");
  script.src = new URL("/embed.js", settings.service).href;
  script.async = true;
  script.dataset.community = settings.community;
  script.dataset.platform = "discourse";
  script.dataset.title = i18n(themePrefix("panel_title"));
  script.dataset.says = i18n(themePrefix("says"));
  if (settings.panel_after) {
    script.dataset.panel = settings.panel_after;
  }
  document.head.append(script);
});
