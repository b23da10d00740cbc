// Readings as cards, and the dialog with everything about one.

const $ = (id) => document.getElementById(id);
const PICTURE_TRIES_MS = [500, 1000, 2000, 4000, 8000];  // a picture comes after its event

export function card(event, isNew) {
  const item = $("reading").content.firstElementChild.cloneNode(true);
  item.dataset.id = event.event_id;
  item.classList.toggle("new", isNew);
  item.querySelector(".plate").textContent = event.plate_text;
  item.querySelector(".region").textContent = event.plate_region ?? "";
  item.querySelector(".camera").textContent = event.camera_id;
  item.querySelector("meter").value = event.plate_confidence;
  item.querySelector(".sure").textContent = percent(event.plate_confidence);
  const time = item.querySelector("time");
  time.dateTime = event.captured_at;
  time.textContent = shortTime(new Date(event.captured_at));
  showPicture(item.querySelector("img"), item.querySelector(".crop"), event, "plate");
  const button = item.querySelector("button");
  button.setAttribute("aria-label", `${event.plate_text}, ${event.camera_id}, ${time.textContent}`);
  button.addEventListener("click", () => showDetail(event));
  return item;
}

function showPicture(image, frame, event, kind) {
  let tries = 0;
  const address = `/events/${event.event_id}/images/${kind}.jpg`;
  const none = () => frame.classList.add("none");
  image.onload = () => frame.classList.remove("none");
  image.onerror = () => {
    none();
    if (tries < PICTURE_TRIES_MS.length) {
      setTimeout(() => { image.src = `${address}?again=${tries}`; }, PICTURE_TRIES_MS[tries]);
      tries += 1;
    }
  };
  frame.classList.remove("none");
  if (event[`${kind}_image_url`]) image.src = address; else { image.onerror = null; none(); }
}

function showDetail(event) {
  $("detail-plate").textContent = event.plate_text;
  const frame = $("detail-frame");
  frame.alt = `The frame that ${event.plate_text} was read in`;
  frame.removeAttribute("src");
  showPicture(frame, frame, event, "frame");
  const facts = {
    "Captured": new Date(event.captured_at).toLocaleString(),
    "Camera": event.camera_id,
    "Site": event.site_id,
    "Country": event.plate_region,
    "Sure": percent(event.plate_confidence),
    "Frames read": event.reads || null,
    "Direction": event.direction,
    "Vehicle": [event.vehicle_color, event.vehicle_type].filter(Boolean).join(" ") || null,
    "In view": dwell(event),
    "Event": event.event_id,
  };
  $("detail-facts").replaceChildren(...Object.entries(facts).filter(([, value]) => value).flatMap(fact));
  $("detail-candidates").replaceChildren(...event.candidates.map(candidate));
  $("detail").showModal();
}

function fact([name, value]) {
  return [make("dt", name), make("dd", String(value))];
}

function candidate({ text, confidence }) {
  const item = document.createElement("li");
  const bar = document.createElement("meter");
  bar.value = confidence;
  item.append(make("code", text), bar, make("span", percent(confidence)));
  return item;
}

function make(name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

function dwell(event) {
  if (!event.first_seen_at || !event.last_seen_at) return null;
  return `${((new Date(event.last_seen_at) - new Date(event.first_seen_at)) / 1000).toFixed(1)} s`;
}

function shortTime(moment) {
  const time = moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const today = moment.toDateString() === new Date().toDateString();
  return today ? time : `${moment.toLocaleDateString([], { day: "numeric", month: "short" })} ${time}`;
}

const percent = (share) => `${Math.round(share * 100)} %`;
