// Writes the pages of docs/ that are made from tables. Run by `npm run docs`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { permissionsPage } from '../src/api/public/permissions-page.ts';
import { referencePages } from '../src/base/reference-pages.ts';

mkdirSync('docs', { recursive: true });
for (const [name, text] of Object.entries({ ...referencePages(), 'permissions.md': permissionsPage() })) {
  writeFileSync(`docs/${name}`, text);
  console.log(`docs/${name}`);
}
