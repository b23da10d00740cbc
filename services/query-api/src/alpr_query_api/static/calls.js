// Calls to the API of this page.

export class KeyNeeded extends Error {}

export async function ask(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  const answer = await fetch(query ? `${path}?${query}` : path, { headers: { Accept: "application/json" } });
  if (answer.status === 401) throw new KeyNeeded();
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.detail ?? `the API answered ${answer.status}`);
  return body;
}

export async function signIn(key) {
  const answer = await fetch("/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ key }),
  });
  if (answer.ok) return;
  const body = await answer.json().catch(() => ({}));
  throw new Error(body.detail ?? `the API answered ${answer.status}`);
}

export const signOut = () => fetch("/session", { method: "DELETE" });
