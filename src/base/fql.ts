import subscriptions from '@segment/destination-subscriptions';
import type { JsonObject } from './json.ts';
export function parseFql(fql: string): { matches(message: JsonObject): boolean } {
  const ast = subscriptions.parseFql(fql);
  return { matches: (message) => subscriptions.validate(ast, message as never) };
}
