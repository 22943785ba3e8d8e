/**
 * A client whose connection fails by itself. Promised: an answer that cannot be taken in, such as a value longer than any
 * text may be, ends this one connection, and its statement with it. The library takes answers apart in a listener of the
 * socket, where an error would end the process.
 */
import pg from 'pg';
import { unreadable } from './postgres-errors.ts';

type Listener = (...given: unknown[]) => void;

/** What the library listens to. */
interface Wire {
  on(event: string, listener: Listener): unknown;
  destroy(error: Error): unknown;
}

interface Listening {
  attachListeners(stream: Pick<Wire, 'on'>): void;
}

export class GuardedClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    const { connection } = this as unknown as { readonly connection: Listening };
    const attach = connection.attachListeners.bind(connection);
    connection.attachListeners = (stream) => {
      const wire = stream as Wire;
      attach({ on: (event, listener) => wire.on(event, event === 'data' ? guarded(wire, listener) : listener) });
    };
  }
}

function guarded(wire: Wire, listener: Listener): Listener {
  let isOver = false;
  return (...given) => {
    if (isOver) return;
    try {
      listener(...given);
    } catch {
      // Its text may quote what came.
      isOver = true;
      wire.destroy(Object.assign(new Error('The answer of the server cannot be read.'), { code: unreadable }));
    }
  };
}
