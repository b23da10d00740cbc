// The cameras' health, asked for every three seconds while the page is seen.

const $ = (id) => document.getElementById(id);
const HEALTH = { Streaming: "good", Connecting: "warn", Ended: "off", Disabled: "off" };
const RANKS = ["bad", "warn", "good", "off"];
const healthOf = (camera) => (camera.stale ? "warn" : HEALTH[camera.state] ?? "bad");
const STATES = { AuthFailed: "wrong password", Failed: "failed", Quarantined: "quarantined", Ended: "read to its end" };

export function showCameras(health) {
  const worst = (a, b) => RANKS.indexOf(healthOf(a)) - RANKS.indexOf(healthOf(b));
  $("cameras").replaceChildren(...health.cameras.toSorted(worst).map(row));
  $("no-cameras").hidden = health.cameras.length > 0;
  $("problems").replaceChildren(...health.problems.map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
  const live = health.cameras.filter((camera) => camera.state === "Streaming" && !camera.stale).length;
  $("live").textContent = `${live}/${health.cameras.length}`;
}

function row(camera) {
  const item = $("camera").content.firstElementChild.cloneNode(true);
  item.dataset.name = camera.name;
  item.dataset.health = healthOf(camera);
  item.querySelector(".name").textContent = camera.name;
  item.querySelector(".state").textContent = camera.stale ? "no news" : STATES[camera.state] ?? camera.state.toLowerCase();
  item.querySelector(".reason").textContent = camera.reason;
  item.querySelector(".figures-line").textContent = figures(camera);
  return item;
}

function figures(camera) {
  const parts = [];
  if (camera.width) parts.push(`${camera.width}×${camera.height}`);
  if (camera.codec) parts.push(camera.codec);
  if (camera.fps && camera.state === "Streaming") parts.push(`${camera.fps.toFixed(1)} fps`);
  if (camera.plates) parts.push(camera.plates === 1 ? "1 reading" : `${camera.plates} readings`);
  return parts.join(" · ");
}
