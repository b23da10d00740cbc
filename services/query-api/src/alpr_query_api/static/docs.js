// The API out of its own description: every operation with its parameters, and a form to try it.

import { ask, KeyNeeded } from "./calls.js";

function make(name, text = "", attributes = {}) {
  const element = document.createElement(name);
  element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function operation(path, method, described) {
  const details = make("details");
  const summary = make("summary");
  summary.append(make("b", method.toUpperCase()), make("code", path), ` ${described.summary ?? ""}`);
  details.append(summary, make("p", described.description ?? ""));
  if (method === "get") details.append(trial(path, described.parameters ?? []));
  return details;
}

function trial(path, parameters) {
  const form = make("form");
  const output = make("pre", "", { hidden: "", tabindex: "0", "aria-label": "Answer" });
  for (const parameter of parameters.filter((one) => one.in !== "header")) form.append(...field(path, parameter));
  form.append(make("button", "Try it", { type: "submit" }));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    output.hidden = false;
    output.textContent = await tried(path, parameters, new FormData(form));
  });
  const box = make("div");
  box.append(form, output);
  return box;
}

function field(path, parameter) {
  const id = `${path}-${parameter.name}`;
  const label = make("label", parameter.name + (parameter.required ? " *" : ""), { for: id });
  const hint = parameter.schema?.enum?.join(" | ") ?? parameter.description ?? String(parameter.schema?.default ?? "");
  const input = make("input", "", { id, name: parameter.name, placeholder: hint });
  if (parameter.required) input.required = true;
  return [label, input];
}

async function tried(path, parameters, given) {
  let address = path;
  const query = new URLSearchParams();
  for (const { name, in: place } of parameters) {
    const value = given.get(name);
    if (place === "path") address = address.replace(`{${name}}`, encodeURIComponent(value));
    else if (value) query.set(name, value);
  }
  const answer = await fetch(query.size ? `${address}?${query}` : address, { headers: { Accept: "application/json" } });
  const type = answer.headers.get("content-type") ?? "";
  if (type.startsWith("image/") || type.startsWith("text/event-stream")) {
    answer.body?.cancel();
    return `${answer.status} ${type}; open ${address} itself`;
  }
  const text = await answer.text();
  return `${answer.status}\n${type.includes("json") ? JSON.stringify(JSON.parse(text), null, 2) : text}`;
}

try {
  const described = await ask("/openapi.json");
  const groups = new Map();
  for (const [path, methods] of Object.entries(described.paths)) {
    for (const [method, one] of Object.entries(methods)) {
      const tag = one.tags?.[0] ?? "others";
      groups.set(tag, [...(groups.get(tag) ?? []), operation(path, method, one)]);
    }
  }
  for (const [tag, operations] of groups) document.getElementById("operations").append(make("h2", tag), ...operations);
} catch (error) {
  const text = error instanceof KeyNeeded ? "Sign in on the page first; then this shows every call." : error.message;
  document.getElementById("operations").append(make("p", text, { role: "alert" }));
}
