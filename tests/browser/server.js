// Starts the built service in an empty folder, with nothing of this machine's environment in it.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const START_TIMEOUT = 30_000;
const STOP_TIMEOUT = 15_000;

/** Where the log says that the service listens; undefined before it does. */
function originIn(log) {
  return /listening on (http:[^,]+),/.exec(log)?.[1];
}

async function isReady(origin) {
  try {
    const response = await fetch(`${origin}/api/v1/health/ready`, { signal: AbortSignal.timeout(1_000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

/** Resolves when the service says it is ready; rejects, with its log, when it ends or takes too long. */
export async function startServer(binary) {
  const folder = await mkdtemp(join(tmpdir(), 'groundwork-browser-'));
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    HOST: '127.0.0.1',
    PORT: '0', // whichever is free; the log says which
    BCRYPT_ROUNDS: '4', // the cheapest: these tests are not about hashing
    AUTH_RATE_LIMIT_PER_MINUTE: '1000', // a person logs in less often than these tests
  };
  const child = spawn(binary, [], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stdout.on('data', (data) => (log += data));
  child.stderr.on('data', (data) => (log += data));
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(`did not start: ${error.message}`));
    child.on('exit', (code, signal) => resolve(signal ?? code));
  });

  const server = {
    origin: undefined,
    /** Asks the service to end and gives its exit code, or the signal's name that it took. */
    async stop() {
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT);
      const code = await ended;
      clearTimeout(killer);
      await rm(folder, { recursive: true, force: true });
      return code;
    },
    log: () => log,
    /** Runs a command of the service on the same database. */
    run(args, input = '') {
      const { status, stderr } = spawnSync(binary, args, { cwd: folder, env, input, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    },
  };

  let end;
  ended.then((code) => (end = { code }));
  const deadline = Date.now() + START_TIMEOUT;
  const ready = async () => {
    server.origin = originIn(log);
    return server.origin !== undefined && isReady(server.origin);
  };
  while (!(await ready())) {
    if (end || Date.now() > deadline) {
      await server.stop();
      const why = end ? `ended with ${end.code}` : `was not ready after ${START_TIMEOUT} ms`;
      throw new Error(`the service ${why}; its log:\n${log}`);
    }
    await sleep(100);
  }
  return server;
}
