// A service and a browser for one test file.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import { startServer } from './server.js';

/** Starts both: `{ server, browser }`. */
export async function start() {
  for (const name of ['GROUNDWORK_BIN', 'CHROMIUM']) {
    assert.ok(process.env[name], `${name} is not set: run ./scripts/test browser`);
  }
  const server = await startServer(process.env.GROUNDWORK_BIN);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Whatever a page asks for, nothing leaves this machine.
      '--no-proxy-server',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
      // Chromium's sandbox refuses to run as root.
      ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
    ],
  });
  return { server, browser };
}

/** A page in a new context: no test sees what another one stored. */
export async function newPage(browser, viewport = { width: 1280, height: 900 }) {
  const context = await browser.newContext({ viewport });
  context.setDefaultTimeout(30_000);
  return context.newPage();
}
