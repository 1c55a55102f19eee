// A program in a project that has installed the package.
import { Groundwork } from 'groundwork-client';

const client = new Groundwork({ baseUrl: process.env['GROUNDWORK_URL'] ?? '' });
const health = await client.health.live();
console.log(health.status);
const session = await client.login({ email: 'ada@example.com', password: 'correct horse battery staple' });
const me = await session.users.me();
console.log(me.email);
