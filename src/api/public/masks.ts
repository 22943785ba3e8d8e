/** Secrets in settings, as clients see them and send them back. */
import type { Json } from '../../base/json.ts';

const bullet = '•';
const bullets = bullet.repeat(10);
/** With fewer characters its last four would say too much. */
const shortest = 16;

/** As the vendor shows them; of a short one not even its end. */
export function maskOf(secret: string): string {
  return secret.length < shortest ? bullets : `${bullets}${secret.slice(-4)}`;
}

/** True for what stands in the place of a secret: it is no new one. */
export function isMask(value: Json | undefined): boolean {
  return typeof value === 'string' && value.includes(bullet);
}
