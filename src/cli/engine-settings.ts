/** The settings of a source, with those of the whole program where the source says nothing. */
import type { Config } from '../base/config.ts';
import type { JsonObject } from '../base/json.ts';
import type { Source } from '../workspace/workspace.ts';

type Limits = Pick<Config, 'duckdbMemory' | 'duckdbThreads' | 'statementTimeout'>;

export function withDefaults({ engine, settings }: Pick<Source, 'engine' | 'settings'>, limits: Limits): JsonObject {
  return { ...defaultsOf(engine, limits), ...settings };
}

function defaultsOf(engine: Source['engine'], limits: Limits): JsonObject {
  switch (engine) {
    case 'duckdb': {
      const memoryLimit = `${Math.floor(limits.duckdbMemory / 2 ** 20)}MiB`;
      return limits.duckdbThreads === 0 ? { memoryLimit } : { memoryLimit, threads: limits.duckdbThreads };
    }
    case 'postgres':
      return { statementTimeoutSeconds: limits.statementTimeout / 1000 };
    default:
      return engine satisfies never;
  }
}
