// Sends the token of a link from a mail to the API, when the user says so. Mail scanners open links, and some run
// scripts: opening the page spends nothing.
"use strict";

(() => {
  const { endpoint, done } = document.currentScript.dataset;
  const element = (id) => document.getElementById(id);
  const [form, button, password] = [element("form"), element("submit"), element("password")];

  // The token works like a password: it stays neither in the address bar nor in the history.
  const token = new URLSearchParams(location.search).get("token");
  history.replaceState(null, "", location.pathname);

  if (!token) {
    element("problem").textContent = "This link is not complete. Open the link in the mail again.";
    return;
  }
  form.hidden = false;

  element("show")?.addEventListener("change", (event) => {
    password.type = event.target.checked ? "text" : "password";
  });

  const post = async (body) => {
    try {
      return await fetch(endpoint, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        credentials: "omit",
        referrerPolicy: "no-referrer",
      });
    } catch {
      throw new Error("The server cannot be reached. Check your connection and try again.");
    }
  };

  // What is wrong, in a sentence for people; a body that is none of the API's comes from a proxy.
  const problemOf = async (response) => {
    const body = await response.json().catch(() => ({}));
    if (body.error === "invalid_link") return "This link has expired or was used before. Ask for a new one.";
    const fields = body.details?.fields?.map((field) => field.message) ?? [];
    return fields.join("\n") || body.message || "Something went wrong. Try again in a few minutes.";
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    element("problem").textContent = "";
    element("status").textContent = "One moment …";
    button.disabled = true;
    try {
      const response = await post(password ? { token, password: password.value } : { token });
      if (!response.ok) throw new Error(await problemOf(response));
      form.hidden = true;
      if (password) password.value = "";
      element("status").textContent = done;
    } catch (error) {
      element("status").textContent = "";
      element("problem").textContent = error.message;
      password?.focus();
    } finally {
      button.disabled = false;
    }
  });
})();
