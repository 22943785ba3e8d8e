/** A space as plain text, so that two can be compared: every profile by its identifiers, with traits, merges and links. */
import type { Collection, SpaceReader } from '../src/space/space.ts';
import type { SlowSpace } from './slow-space.ts';

export interface ProfilePicture {
  readonly ids: string;
  readonly createdAt: string;
  readonly traits: string;
  readonly merges: number;
  readonly consent: string;
  /** The other side's identifiers, of every link. */
  readonly links: readonly string[];
}

function sortedTraits(entries: Iterable<readonly [string, unknown]>): string {
  return JSON.stringify([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function idsOf(ids: readonly { type: string; id: string }[]): string {
  return ids
    .map(({ type, id }) => `${type}:${id}`)
    .sort()
    .join(' ');
}

function sorted(pictures: ProfilePicture[]): ProfilePicture[] {
  return pictures.sort((a, b) => (a.ids < b.ids ? -1 : 1));
}

export async function pictureOf(
  reader: SpaceReader,
  spaceNo: number,
  collection: Collection,
): Promise<ProfilePicture[]> {
  const pictures: ProfilePicture[] = [];
  for (let next: string | undefined = undefined; ; ) {
    const page = await reader.list(spaceNo, collection, 50, next);
    for (const { segmentId } of page.items) {
      const key = { kind: 'segment_id', id: segmentId } as const;
      const profile = await reader.profile(spaceNo, collection, key);
      if (profile === null) throw new Error(`${segmentId} is listed but not found`);
      const links: string[] = [];
      for (let cursor: string | undefined = undefined; ; ) {
        const linkPage = await reader.links(spaceNo, collection, key, 3, cursor);
        links.push(...(linkPage?.items ?? []).map((link) => idsOf(link.externalIds)));
        if (!linkPage?.next) break;
        cursor = linkPage.next;
      }
      pictures.push({
        ids: idsOf(profile.externalIds),
        createdAt: profile.createdAt,
        traits: sortedTraits(profile.traits.map(({ key: name, value }) => [name, value] as const)),
        merges: profile.merges,
        consent: profile.consent === null ? 'none' : sortedTraits(Object.entries(profile.consent)),
        links: links.sort(),
      });
    }
    if (page.next === null) return sorted(pictures);
    next = page.next;
  }
}

export function slowPictureOf(space: SlowSpace, collection: Collection): ProfilePicture[] {
  const ids = (profile: SlowSpace['profiles'][number]) =>
    idsOf(profile.mappings.map(({ type, value }) => ({ type, id: value })));
  const live = space.profiles.filter((profile) => profile.mergedInto === null && profile.collection === collection);
  return sorted(
    live.map((profile) => {
      const linked = space.links.flatMap(({ user, account }) => {
        const [here, there] = collection === 'users' ? [user, account] : [account, user];
        return space.canonical(here) === profile ? [space.canonical(there)] : [];
      });
      return {
        ids: ids(profile),
        createdAt: new Date(profile.createdAt).toISOString(),
        traits: sortedTraits(
          [...profile.traits]
            .filter(([, { value }]) => value !== null)
            .map(([key, { value }]) => [key, value] as const),
        ),
        merges: profile.merges,
        consent: profile.consent === null ? 'none' : sortedTraits(Object.entries(profile.consent.categories)),
        links: [...new Set(linked)].map(ids).sort(),
      };
    }),
  );
}
