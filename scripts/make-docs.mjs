// Writes the pages of docs/ that are made from tables. Run by `npm run docs`.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { permissionsPage } from '../src/api/public/permissions-page.ts';
import { referencePages } from '../src/base/reference-pages.ts';
import { maxMessageBytes, maxRequestBytes, maxRequestMessages } from '../src/delivery/delivery.ts';
import { destinationPages } from '../src/destination/destination.ts';

const limits = { maxMessageBytes, maxRequestBytes, maxRequestMessages };
for (const [name, text] of Object.entries({
  ...referencePages(),
  ...destinationPages(limits),
  'permissions.md': permissionsPage(),
})) {
  mkdirSync(path.dirname(`docs/${name}`), { recursive: true });
  writeFileSync(`docs/${name}`, text);
  console.log(`docs/${name}`);
}
