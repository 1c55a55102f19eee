// Runs clients/scenario.json: one function per step, in the order and with the values of the data.
import { deepStrictEqual, strictEqual } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { steps } from './steps.js';
import { type Scenario, World } from './world.js';

function environment(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

const scenario = JSON.parse(await readFile(environment('GROUNDWORK_SCENARIO'), 'utf8')) as Scenario;
const world = new World(scenario, {
  baseUrl: environment('GROUNDWORK_URL'),
  control: environment('GROUNDWORK_CONTROL'),
  receiver: environment('GROUNDWORK_RECEIVER'),
});

deepStrictEqual(Object.keys(steps).sort(), scenario.steps.map(({ step }) => step).sort(), 'a function for every step');
for (const data of scenario.steps) {
  const step = steps[data.step];
  strictEqual(typeof step, 'function');
  await step?.(world, data);
  console.log(`step ${data.step}`);
}
