// Starts nginx before a service, which it serves below a path that the service does not know.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const START_TIMEOUT = 30_000;

/** A port that was free a moment ago: nginx does not choose one by itself. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function isListening(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('close', () => socket.destroy());
  });
}

function configuration(port, prefix, upstream) {
  return `
    daemon off;
    ${process.getuid() === 0 ? 'user root;' : ''}
    pid nginx.pid;
    error_log stderr warn;
    events {}
    http {
      access_log off;
      client_body_temp_path client_body;
      proxy_temp_path proxy;
      fastcgi_temp_path fastcgi;
      uwsgi_temp_path uwsgi;
      scgi_temp_path scgi;
      server {
        listen 127.0.0.1:${port};
        location ${prefix} {
          proxy_pass ${upstream}/;
          proxy_set_header Host $http_host;
        }
      }
    }`;
}

/** Resolves when it listens: `{ origin, stop }`. What is not below `prefix`, such as `/svc/`, is nginx's own 404. */
export async function startNginx(prefix, upstream) {
  const folder = await mkdtemp(join(tmpdir(), 'groundwork-nginx-'));
  const port = await freePort();
  await writeFile(join(folder, 'nginx.conf'), configuration(port, prefix, upstream));
  const child = spawn('nginx', ['-e', 'stderr', '-p', `${folder}/`, '-c', join(folder, 'nginx.conf')], {
    env: { PATH: `${process.env.PATH}:/usr/sbin` },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (code, signal) => resolve(signal ?? code));
  });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  let end;
  ended.then((code) => (end = { code }));
  const deadline = Date.now() + START_TIMEOUT;
  while (!(await isListening(port))) {
    if (end || Date.now() > deadline) {
      await stop();
      throw new Error(end ? `nginx ended with ${end.code}` : `nginx did not listen within ${START_TIMEOUT} ms`);
    }
    await sleep(50);
  }
  return { origin: `http://127.0.0.1:${port}`, stop };
}
