// On every page: shows the band while the network is gone, sends a form once, puts the cursor beside what was wrong.
"use strict";
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

  document.addEventListener("click", (event) => { if (event.target.closest("[data-print]")) window.print(); });

  // What was typed wrong is where the cursor goes.
  const wrong = document.querySelector("[aria-invalid=true], .problem:not([hidden]) + :is(input, textarea, select)");
  if (wrong) wrong.focus();

  // A part that waits for somebody else asks again by itself, and the page's middle is swapped when its state is another.
  const refresh = () => {
    const part = document.querySelector("[data-refresh]");
    if (!part) return;
    const seconds = Math.max(2, Number(part.dataset.refresh) || 5);
    const address = part.dataset.refreshFrom || window.location.href;
    window.setTimeout(async () => {
      try {
        const answer = await fetch(address, { credentials: "same-origin", cache: "no-store" });
        if (answer.ok && !answer.redirected) {
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          const fresh = page.getElementById("main");
          const waiting = fresh && fresh.querySelector("[data-refresh]");
          const same = waiting && waiting.dataset.refreshState === part.dataset.refreshState;
          if (fresh && !same) {
            document.getElementById("main").replaceWith(document.importNode(fresh, true));
            window.history.replaceState(null, "", address);
            document.dispatchEvent(new Event("chuky:swapped"));
          }
        }
      } catch {
        // The network is gone: the band says so, the next round tries again.
      }
      refresh();
    }, seconds * 1000);
  };
  refresh();
})();
