// Keeps the parts of a page current that change by themselves. Everything works without it, too, after a reload.
"use strict";

const say = text => {
  const place = document.getElementById("link");
  if (place && place.textContent !== text) place.textContent = text;
};

const put = (name, html) => {
  const place = document.getElementById(name);
  if (!place || place.innerHTML === html) return;
  const within = place.contains(document.activeElement) ? document.activeElement : null;
  const link = within && within.getAttribute("href");
  const open = [...place.querySelectorAll("details[open]")].map(each => each.id);
  place.innerHTML = html;
  for (const each of open) if (each) document.getElementById(each)?.setAttribute("open", "");
  if (link) [...place.querySelectorAll("a")].find(each => each.getAttribute("href") === link)?.focus();
};

if (document.body.hasAttribute("data-live")) {
  const source = new EventSource(location.pathname + location.search);
  source.onopen = () => say("Live.");
  source.onmessage = message => {
    say("Live.");
    for (const [name, html] of Object.entries(JSON.parse(message.data))) put(name, html);
  };
  source.onerror = () => say(source.readyState === EventSource.CLOSED ? "Not live: reload to see more." : "Connecting again …");
  addEventListener("pagehide", () => source.close());
}

for (const each of document.querySelectorAll("[data-print]")) each.addEventListener("click", () => print());
