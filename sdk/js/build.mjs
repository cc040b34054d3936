// Bundles the SDK into dist: sdk.js (script tag) and weir.mjs (module), and copies both to where the server embeds them.
// Fails when what comes out is not ES2018 or is over the size budget.
import { copyFileSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { parse } from 'acorn';
import { build } from 'esbuild';

const budget = 5 * 1024; // bytes, gzipped

const embedded = '../../internal/sdk/dist/';

const outputs = [
  { entryPoints: ['src/script.ts'], outfile: 'dist/sdk.js', format: 'iife', served: 'sdk.js' },
  { entryPoints: ['src/index.ts'], outfile: 'dist/weir.mjs', format: 'esm', served: 'sdk.mjs' },
];
for (const { served, ...o } of outputs) {
  await build({ ...o, bundle: true, minify: true, target: 'es2018', charset: 'utf8', legalComments: 'none', logLevel: 'warning' });
  const text = readFileSync(o.outfile);
  parse(text.toString(), { ecmaVersion: 2018, sourceType: o.format === 'esm' ? 'module' : 'script' });
  const size = gzipSync(text, { level: 9 }).length;
  console.log(`${o.outfile}: ${text.length} bytes, ${size} gzipped`);
  if (size > budget) throw new Error(`${o.outfile} has ${size} bytes gzipped, the budget is ${budget}`);
  copyFileSync(o.outfile, embedded + served);
}
