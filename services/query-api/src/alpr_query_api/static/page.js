// The page: signing in, live readings or search results, cameras.

import { ask, KeyNeeded, signIn, signOut } from "./calls.js";
import { showCameras } from "./cameras.js";
import { Live } from "./live.js";
import { card } from "./readings.js";

const $ = (id) => document.getElementById(id);
const SHOWN = 60;
const PAGE = 60;
const CAMERAS_EVERY_MS = 3000;
const FIGURES_EVERY_MS = 60000;
const LINK = { waiting: "connecting …", live: "live", away: "connection lost, trying again …" };

let searched = "";
let found = 0;
let total = 0;
const recent = [];
const live = new Live(arrived, showLink);

function showLink(state) {
  $("link").dataset.state = state;
  $("link").textContent = LINK[state];
}

function arrived(event) {
  recent.unshift(event);
  recent.length = Math.min(recent.length, SHOWN);
  total += 1;
  $("total").textContent = total.toLocaleString();
  if (searched) return;
  $("readings").prepend(card(event, true));
  while ($("readings").children.length > SHOWN) $("readings").lastElementChild.remove();
  $("empty").hidden = true;
  $("spoken").textContent = `${event.plate_text} at ${event.camera_id}`;
}

function show(events, title, note, nothing) {
  $("list-title").textContent = title;
  $("list-note").textContent = note;
  $("readings").replaceChildren(...events.map((event) => card(event, false)));
  $("empty").textContent = nothing;
  $("empty").hidden = events.length > 0;
}

function showLive() {
  searched = "";
  $("back").hidden = true;
  $("more").hidden = true;
  show(recent, "Live readings", "", "No reading yet. The first vehicle appears here by itself.");
}

async function search(text) {
  searched = text;
  const result = await ask("/search/fulltext", { q: text, limit: PAGE });
  if (searched !== text) return;
  found = result.results.length;
  const note = `${result.total.toLocaleString()} ${result.total === 1 ? "reading" : "readings"}`;
  show(result.results, `Results for “${text}”`, note, "Nothing found. * stands for any text, ? for one character.");
  $("back").hidden = false;
  $("more").hidden = found >= result.total;
}

async function more() {
  const result = await ask("/search/fulltext", { q: searched, limit: PAGE, offset: found });
  found += result.results.length;
  $("readings").append(...result.results.map((event) => card(event, false)));
  $("more").hidden = found >= result.total || result.results.length === 0;
}

async function guarded(work) {
  try {
    await work();
  } catch (error) {
    if (error instanceof KeyNeeded) askForKey();
    else { $("list-note").textContent = error.message; }
  }
}

function askForKey() {
  live.stop();
  $("board").hidden = true;
  $("sign-in").hidden = false;
  $("sign-out").hidden = true;
  $("link").hidden = true;
  $("key").focus();
}

async function begin() {
  const session = await ask("/session");
  if (!session.open) { askForKey(); return; }
  $("sign-in").hidden = true;
  $("board").hidden = false;
  $("link").hidden = false;
  $("sign-out").hidden = !session.required;
  await figures();  // before the readings: those that come from here on are counted as they arrive
  const latest = await ask("/events/recent", { limit: SHOWN });
  recent.splice(0, recent.length, ...latest.events);
  showLive();
  live.start(Math.max(0, ...recent.map((event) => event.feed_id)));
}

async function figures() {
  const stats = await ask("/stats");
  total = stats.total_events;
  $("total").textContent = total.toLocaleString();
  $("unique").textContent = stats.unique_plates.toLocaleString();
}

async function cameras() {
  if (!document.hidden && !$("board").hidden) await guarded(async () => showCameras(await ask("/cameras")));
  setTimeout(cameras, CAMERAS_EVERY_MS);
}

async function beginUntilItWorks() {
  try {
    await begin();
  } catch (error) {
    showLink("away");
    setTimeout(beginUntilItWorks, 2000);
  }
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("theme", theme);
}

$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("q").value.trim();
  guarded(async () => (text ? search(text) : showLive()));
});
$("q").addEventListener("search", () => { if (!$("q").value) showLive(); });
$("back").addEventListener("click", () => { $("q").value = ""; showLive(); });
$("more").addEventListener("click", () => guarded(more));
$("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("key-problem").textContent = "";
  try {
    await signIn($("key").value.trim());
    $("key").value = "";
    await begin();
    showCameras(await ask("/cameras"));
  } catch (error) {
    $("key-problem").textContent = error.message;
  }
});
$("sign-out").addEventListener("click", async () => { await signOut(); location.reload(); });
$("theme").addEventListener("click", () => {
  const dark = getComputedStyle(document.documentElement).colorScheme.includes("dark");
  const now = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  setTheme(now === "dark" && dark ? "light" : "dark");
});
$("detail").addEventListener("click", (event) => { if (event.target === $("detail")) $("detail").close(); });

const theme = localStorage.getItem("theme");
if (theme) setTheme(theme);
await beginUntilItWorks();
cameras();
setInterval(() => { if (!document.hidden && !$("board").hidden) guarded(figures); }, FIGURES_EVERY_MS);
