// Starts Swagger UI and lets a user log in, so that "Execute" works on protected operations.
"use strict";

(() => {
  const { document: documentUrl, login, logout, scheme: SCHEME, storageKey: STORED } = document.currentScript.dataset;
  const element = (id) => document.getElementById(id);
  let email = "";
  let expiry;

  // The token is kept for this tab only, in sessionStorage: it survives a reload and ends with the tab. Swagger UI
  // would keep it in localStorage, where it stays until it is removed and where other pages of this origin read it.
  localStorage.removeItem("authorized");

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const followColours = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", followColours);
  followColours();

  const ui = SwaggerUIBundle({
    // Absolute, because the document's relative server is resolved against it.
    url: new URL(documentUrl, location.href).href,
    dom_id: "#swagger-ui",
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    validatorUrl: null,
    deepLinking: true,
    displayRequestDuration: true,
    persistAuthorization: false,
    tryItOutEnabled: true,
    withCredentials: false,
    onComplete: () => {
      const title = ui.specSelectors.info().get("title");
      if (title) document.title = title;
      element("log-in").disabled = false;
      const stored = sessionStorage.getItem(STORED);
      if (stored) authorize(stored);
      isRestored = true;
      show();
    },
  });

  const token = () => ui.authSelectors.authorized()?.getIn([SCHEME, "value"]);

  // The moment a token stops working, in milliseconds; undefined for a token that does not say.
  const expiryOf = (value) => {
    try {
      const claims = value.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
      return JSON.parse(atob(claims)).exp * 1000 || undefined;
    } catch {
      return undefined;
    }
  };

  const authorize = (value) => {
    const schema = ui.specSelectors.specJson().getIn(["components", "securitySchemes", SCHEME])?.toJS();
    ui.authActions.authorize({ [SCHEME]: { name: SCHEME, schema, value } });
  };

  const forget = () => ui.authActions.logout([SCHEME]);

  // The next user of this browser must not see the responses that this user received.
  const clearAnswers = () => {
    for (const operation of ui.specSelectors.operations()) {
      const [path, method] = [operation.get("path"), operation.get("method")];
      ui.specActions.clearResponse(path, method);
      ui.specActions.clearRequest(path, method);
    }
    element("email").value = "";
  };

  const expire = () => {
    forget();
    element("problem").textContent = "Your session has expired. Log in again.";
  };

  // Swagger UI's own "Authorize" dialog changes the same state, so the box follows the state, not the clicks.
  let shown;
  let isRestored = false;
  const show = () => {
    // Before that the stored token has not been read yet.
    if (!isRestored) return;
    const value = token();
    if (value === shown) return;
    const before = shown;
    // Set before clearing, because clearing changes the state and calls this function again.
    shown = value;
    if (value) sessionStorage.setItem(STORED, value);
    else sessionStorage.removeItem(STORED);
    if (before) clearAnswers();
    clearTimeout(expiry);
    const end = value && expiryOf(value);
    if (end !== undefined && end <= Date.now()) return expire();
    // Timers overflow after 24 days; a token that lives longer outlives the page.
    if (end !== undefined && end - Date.now() < 2 ** 31) expiry = setTimeout(expire, end - Date.now());
    element("login").hidden = Boolean(value);
    element("session").hidden = !value;
    if (!value) email = "";
    const until = end ? ` until ${new Date(end).toLocaleTimeString([], { timeStyle: "short" })}` : "";
    element("status").textContent = value ? `Logged in${email ? ` as ${email}` : ""}${until}.` : "";
  };
  ui.getStore().subscribe(show);

  const post = async (path, headers, body) => {
    try {
      return await fetch(path, { method: "POST", headers, body, credentials: "omit" });
    } catch {
      throw new Error("The server cannot be reached.");
    }
  };

  // Every error body carries a message for people, and a validation error one per field as well.
  const sentence = async (response) => {
    const body = await response.json().catch(() => null);
    const fields = body?.details?.fields?.map(({ field, message }) => `${field}: ${message}`) ?? [];
    return [body?.message ?? `The server answered with the status ${response.status}.`, ...fields].join("\n");
  };

  const during = async (button, work) => {
    button.disabled = true;
    element("problem").textContent = "";
    try {
      await work();
    } catch (problem) {
      element("problem").textContent = problem.message;
    } finally {
      button.disabled = false;
    }
  };

  element("login").addEventListener("submit", (event) => {
    event.preventDefault();
    during(element("log-in"), async () => {
      const credentials = { email: element("email").value, password: element("password").value };
      const response = await post(login, { "Content-Type": "application/json" }, JSON.stringify(credentials));
      if (!response.ok) throw new Error(await sentence(response));
      const { access_token: value } = await response.json();
      email = credentials.email;
      element("password").value = "";
      authorize(value);
      element("log-out").focus();
    });
  });

  element("log-out").addEventListener("click", () => {
    during(element("log-out"), async () => {
      const response = await post(logout, { Authorization: `Bearer ${token()}` });
      // 401: the session has ended already.
      if (!response.ok && response.status !== 401) throw new Error(await sentence(response));
      forget();
      element("email").focus();
    });
  });
})();
