// On every page: says that scripts run, and shows the band while the network is gone.
"use strict";
document.documentElement.classList.add("js");
(() => {
  const band = document.querySelector("[data-offline]");
  const show = () => { if (band) band.hidden = navigator.onLine; };
  window.addEventListener("online", show);
  window.addEventListener("offline", show);
  show();

  // A form is sent once: the button rests until the answer comes or the page is shown again.
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    for (const button of event.target.querySelectorAll("button:not([name])")) button.disabled = true;
  });
  window.addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
  });

  // A part that waits for somebody else asks again by itself and swaps in what changed.
  const refresh = () => {
    const part = document.querySelector("[data-refresh]");
    if (!part) return;
    const seconds = Math.max(2, Number(part.dataset.refresh) || 5);
    window.setTimeout(async () => {
      try {
        const answer = await fetch(window.location.href, { credentials: "same-origin", cache: "no-store" });
        if (answer.ok) {
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          const fresh = page.getElementById("main");
          const present = document.getElementById("main");
          if (fresh && present && fresh.innerHTML !== present.innerHTML) present.replaceWith(fresh);
        }
      } catch {
        // The network is gone: the band says so, the next round tries again.
      }
      refresh();
    }, seconds * 1000);
  };
  refresh();
})();
