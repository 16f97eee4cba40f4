// Follows a request: asks for the page again and shows its state, if that has changed.
// Without this script the page is loaded again every quarter of a minute.
"use strict";
const PAUSE = 3000;
async function look() {
  const shown = document.getElementById("state");
  const place = shown.dataset.live;
  if (!place) return;
  try {
    const answer = await fetch(`${place}?follow`, { credentials: "same-origin" });
    if (answer.ok && !answer.redirected) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("state");
      if (fresh && fresh.innerHTML !== shown.innerHTML) shown.replaceWith(fresh);
      // Decisions and documents belong to the end of the work; they need the whole page.
      if (fresh && !fresh.hasAttribute("data-live")) location.replace(place);
    }
  } catch { /* The next look may succeed. */ }
  setTimeout(look, PAUSE);
}
setTimeout(look, PAUSE);
