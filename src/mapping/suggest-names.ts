/** Names that columns have in the wild, and the fields and common traits they stand for. Best names first. */
import type { ActionSlug } from '../destination/destination.ts';
import type { ColumnType } from '../warehouse/warehouse.ts';

export interface Target {
  readonly field: string;
  /** Of an object field: the trait or property. */
  readonly key: string | null;
  /** In lower case, words joined by `_`. */
  readonly names: readonly string[];
  /** What it is, in words, with an article. */
  readonly what: string;
  readonly types: readonly ColumnType[];
}

const texts: readonly ColumnType[] = ['string'];
const ids: readonly ColumnType[] = ['string', 'integer', 'decimal'];
const times: readonly ColumnType[] = ['timestamp', 'date', 'string'];
const switches: readonly ColumnType[] = ['boolean', 'string'];
const numbers: readonly ColumnType[] = ['integer', 'number', 'decimal', 'string'];

type Words = readonly [names: string, what: string, types: readonly ColumnType[]];

function target(field: string, key: string | null, [names, what, types]: Words): Target {
  return { field, key, names: names.split(' '), what, types };
}

const email: Words = ['email email_address e_mail e_mail_address mail', 'an e-mail address', texts];
const phone: Words = [
  'phone phone_number mobile mobile_phone mobile_number telephone cell_phone cell tel msisdn',
  'a phone number',
  ['string', 'integer'],
];
const createdAt: Words = [
  'created_at created created_on date_created creation_date create_date signed_up_at signup_date registered_at registration_date joined_at',
  'the time of creation',
  times,
];
const address: Words = ['address postal_address street_address billing_address', 'an address', ['string', 'json']];
const website: Words = ['website website_url web_site homepage url domain', 'a website', texts];
const description: Words = ['description bio about', 'a description', texts];
const plan: Words = ['plan plan_name subscription_plan tier', 'a plan', ['string', 'integer']];

const placeTraits: Readonly<Record<string, Words>> = {
  address,
  city: ['city town', 'a city', texts],
  state: ['state province region', 'a state or region', texts],
  postalCode: ['postal_code postcode zip_code zip', 'a postal code', ids],
  country: ['country country_code', 'a country', texts],
};

const traitsOfPeople: Readonly<Record<string, Words>> = {
  email,
  phone,
  name: ['name full_name display_name', 'a name', texts],
  firstName: ['first_name given_name forename fname', 'a first name', texts],
  lastName: ['last_name surname family_name lname', 'a last name', texts],
  username: ['username user_name login handle nickname', 'a user name', texts],
  title: ['title job_title position', 'a title', texts],
  company: ['company company_name organization organization_name employer', 'a company', ['string', 'json']],
  gender: ['gender sex', 'a gender', texts],
  birthday: ['birthday birth_date date_of_birth dob', 'a birthday', times],
  age: ['age', 'an age', numbers],
  avatar: ['avatar avatar_url photo photo_url picture picture_url profile_picture', 'a picture', texts],
  website,
  description,
  plan,
  createdAt,
  ...placeTraits,
};

const traitsOfGroups: Readonly<Record<string, Words>> = {
  name: ['name display_name legal_name', 'a name', texts],
  industry: ['industry sector', 'an industry', texts],
  employees: [
    'employees employee_count number_of_employees num_employees headcount size',
    'a number of employees',
    numbers,
  ],
  plan,
  website,
  email,
  phone,
  description,
  avatar: ['avatar avatar_url logo logo_url', 'a picture', texts],
  createdAt,
  ...placeTraits,
};

const propertiesOfEvents: Readonly<Record<string, Words>> = {
  revenue: ['revenue amount order_total', 'a revenue', numbers],
  value: ['value', 'a value', numbers],
  total: ['total total_amount grand_total', 'a total', numbers],
  subtotal: ['subtotal', 'a subtotal', numbers],
  price: ['price unit_price', 'a price', numbers],
  quantity: ['quantity qty', 'a quantity', numbers],
  discount: ['discount discount_amount', 'a discount', numbers],
  shipping: ['shipping shipping_cost', 'a cost of shipping', numbers],
  tax: ['tax tax_amount', 'a tax', numbers],
  currency: ['currency currency_code', 'a currency', texts],
  coupon: ['coupon coupon_code voucher', 'a coupon', texts],
  order_id: ['order_id order_number', 'the id of an order', ids],
  checkout_id: ['checkout_id', 'the id of a checkout', ids],
  product_id: ['product_id', 'the id of a product', ids],
  sku: ['sku', 'a stock keeping unit', ids],
  category: ['category product_category', 'a category', texts],
  brand: ['brand', 'a brand', texts],
  products: ['products items line_items', 'a list of products', ['json']],
  url: ['url page_url', 'a URL', texts],
};

const personId: Words = [
  'user_id customer_id member_id person_id contact_id client_id subscriber_id shopper_id user_key customer_key customer_number customer_no user_uuid customer_uuid uid',
  'a User ID',
  ids,
];
const anonymousId: Words = [
  'anonymous_id anon_id ajs_anonymous_id visitor_id cookie_id device_id',
  'an Anonymous ID',
  ids,
];
const groupNames =
  'group_id account_id company_id organization_id organisation_id org_id workspace_id tenant_id team_id business_id';
const changed: Words = [
  'timestamp updated_at modified_at changed_at last_modified last_modified_at last_updated last_updated_at',
  'the time of the last change',
  times,
];

/** `email_subscription_status`, `email_opt_in`, … */
function statusWords(channel: string, what: string, more = ''): Words {
  const ends = 'subscription_status subscription subscribed opt_in consent marketing_consent status'.split(' ');
  return [`${ends.map((end) => `${channel}_${end}`).join(' ')}${more}`, `a subscription to ${what}`, switches];
}

function each(field: string, words: Readonly<Record<string, Words>>): readonly Target[] {
  return Object.entries(words).map(([key, word]) => target(field, key, word));
}

const ofPeople = (...more: string[]): Words => [[personId[0], ...more].join(' '), personId[1], personId[2]];

/** What columns can stand for, by action. Of two targets with the same name the earlier one is meant. */
export const targets: Readonly<Record<ActionSlug, readonly Target[]>> = {
  sendIdentify: [
    target('user_id', null, ofPeople('external_id', 'id', 'uuid')),
    target('anonymous_id', null, anonymousId),
    target('group_id', null, [groupNames, 'a Group ID', ids]),
    target('timestamp', null, changed),
    ...each('traits', traitsOfPeople),
  ],
  sendGroup: [
    target('group_id', null, [`${groupNames} external_id id uuid`, 'a Group ID', ids]),
    target('user_id', null, ofPeople('owner_id')),
    target('anonymous_id', null, anonymousId),
    target('timestamp', null, changed),
    ...each('traits', traitsOfGroups),
  ],
  sendTrack: [
    target('event_name', null, [
      'event_name event event_type activity_type activity action_name action',
      'an Event Name',
      texts,
    ]),
    target('user_id', null, personId),
    target('anonymous_id', null, anonymousId),
    target('group_id', null, [groupNames, 'a Group ID', ids]),
    target('timestamp', null, [
      'timestamp event_timestamp event_time event_at event_date occurred_at happened_at ordered_at created_at created time date',
      'the time of an event',
      times,
    ]),
    ...each('properties', propertiesOfEvents),
  ],
  sendSubscription: [
    target('user_id', null, ofPeople('external_id', 'id', 'uuid')),
    target('anonymous_id', null, anonymousId),
    target('email', null, email),
    target(
      'email_subscription_status',
      null,
      statusWords('email', 'e-mail', ' newsletter newsletter_opt_in marketing_opt_in opt_in subscribed'),
    ),
    target('phone', null, phone),
    target('sms_subscription_status', null, statusWords('sms', 'SMS')),
    target('whatsapp_subscription_status', null, statusWords('whatsapp', 'WhatsApp')),
    target('android_push_token', null, [
      'android_push_token android_token fcm_token',
      'a push token of Android',
      texts,
    ]),
    target('android_push_subscription_status', null, statusWords('android_push', 'push on Android')),
    target('ios_push_token', null, ['ios_push_token ios_token apns_token', 'a push token of iOS', texts]),
    target('ios_push_subscription_status', null, statusWords('ios_push', 'push on iOS')),
    target('subscription_groups', null, [
      'subscription_groups email_subscription_groups',
      'subscription groups',
      ['json'],
    ]),
    target('timestamp', null, changed),
    ...each('traits', traitsOfPeople),
  ],
};

const aboutPeople = 'customer cust user usr contact member person people client subscriber shopper buyer primary main';
const aboutGroups =
  'company account organization organisation org group team workspace tenant business customer primary main';

/** Words that stand in front of a name and say only whose it is. */
export const frontWords: Readonly<Record<ActionSlug, readonly string[]>> = {
  sendIdentify: aboutPeople.split(' '),
  sendGroup: aboutGroups.split(' '),
  sendTrack: ['event', 'order'],
  sendSubscription: aboutPeople.split(' '),
};
