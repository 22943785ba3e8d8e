/** Where a server of this configuration is reached from this machine, for commands to be copied. */
import type { Config } from '../base/config.ts';

/** The port is that of the defaults where any free one is taken. */
export function serverAddress({ host, port }: Config): string {
  return `http://${host === '0.0.0.0' || host === '::' ? 'localhost' : host}:${port || 8765}`;
}
