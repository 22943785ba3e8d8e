/**
 * A map of bounded size: what was used last. The entries of this generation and of the one before; at most twice `most`.
 */
export class Recent<T> {
  private readonly most: number;
  private young = new Map<string, T>();
  private old = new Map<string, T>();

  constructor(most: number) {
    this.most = most;
  }

  get(key: string): T | undefined {
    const value = this.young.get(key);
    if (value !== undefined) return value;
    const before = this.old.get(key);
    if (before !== undefined) this.set(key, before);
    return before;
  }

  set(key: string, value: T): void {
    if (this.young.size >= this.most && !this.young.has(key)) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(key, value);
  }

  delete(key: string): void {
    this.young.delete(key);
    this.old.delete(key);
  }

  clear(): void {
    this.young.clear();
    this.old.clear();
  }
}
