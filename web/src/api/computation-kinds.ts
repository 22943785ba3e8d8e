/** The words by which audiences and computed traits are told apart. */
export type Kind = 'audience' | 'computed_trait';
export type Entity = 'USERS' | 'ACCOUNTS';
export type Cadence = 'REALTIME' | 'BATCH';
