// Each rule of conventions.yaml is shown failing: it has to see its faults in the real document.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';
import { SEEDS } from './seeds.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const document = readFileSync(here('../../../openapi/groundwork.json'), 'utf8');
const rules = Object.keys(load(readFileSync(here('conventions.yaml'), 'utf8')).rules);

const UNCHANGED = 'unchanged.json';
const WITH_NULLS = 'with-nulls.json';
const seedFile = (index) => `seed-${index}.json`;

let folder;
/** File name → the names of the rules that complain. */
let complaints;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'groundwork-seeds.'));
  const files = [[UNCHANGED, document], [WITH_NULLS, JSON.stringify(withNulls(JSON.parse(document)))]];
  SEEDS.forEach(([, , change], index) => {
    const changed = JSON.parse(document);
    change(changed);
    files.push([seedFile(index), JSON.stringify(changed)]);
  });
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
  complaints = lint(files.map(([name]) => join(folder, name)));
});

after(() => rmSync(folder, { recursive: true, force: true }));

/** The document with null as every value of every example of a schema. */
function withNulls(changed) {
  for (const schema of Object.values(changed.components.schemas)) {
    for (const example of schema.examples ?? []) {
      if (typeof example === 'object') for (const name of Object.keys(example)) example[name] = null;
    }
  }
  return changed;
}

/** One run for all files, because starting takes longer than linting. */
function lint(files) {
  const report = join(folder, 'report');
  const { status, stderr } = spawnSync(
    here('node_modules/.bin/spectral'),
    ['lint', '--ruleset', here('conventions.yaml'), '--format=json', `--output=${report}`, ...files],
    { encoding: 'utf8' },
  );
  assert.equal(status, 1, `spectral found no fault, or broke: ${stderr}`);
  const found = new Map();
  for (const { source, code } of JSON.parse(readFileSync(report, 'utf8'))) {
    const name = basename(source);
    found.set(name, (found.get(name) ?? new Set()).add(code));
  }
  return found;
}

const complaintsAbout = (file) => [...(complaints.get(file) ?? [])];

test('the document as it is follows the conventions', () => {
  assert.deepEqual(complaintsAbout(UNCHANGED), []);
});

test('a null in an example breaks no rule', () => {
  assert.deepEqual(complaintsAbout(WITH_NULLS).filter((rule) => rules.includes(rule)), []);
});

test('every rule has a seed, and every seed a rule', () => {
  const seeded = new Set(SEEDS.map(([rule]) => rule));
  assert.deepEqual([...seeded].sort(), [...rules].sort());
});

SEEDS.forEach(([rule, fault], index) => {
  test(`${rule} sees: ${fault}`, () => {
    assert.deepEqual(complaintsAbout(seedFile(index)), [rule]);
  });
});
