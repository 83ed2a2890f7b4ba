-- Accounts, their sessions, and the keys that sign access tokens.

create table users (
    id bigint generated always as identity constraint users_pkey primary key,
    -- Trimmed, NFC, lower case, its domain in IDNA's ASCII form: equal addresses are equal strings.
    email text not null,
    -- A PHC string (Argon2id) or a modular-crypt string (bcrypt); both verify.
    password_hash text not null,
    first_name text,
    last_name text,
    phone text,
    role text not null constraint users_role_known check (role in ('customer', 'seller', 'admin')),
    -- Counts up with every change that a client can see: the ETag, and what compare-and-set compares.
    version bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- Unique whatever the case, also for rows that were imported as they were.
create unique index users_email_key on users (lower(email));

comment on table users is 'One row an account.';

-- A sign-in. Its refresh tokens are one family: each use of one gives the next, and the session ends as a whole.
create table sessions (
    id uuid constraint sessions_pkey primary key,
    user_id bigint not null constraint sessions_user_fkey references users (id) on delete cascade,
    user_agent text,
    -- The network that signed in (/24 or /48), never the whole address.
    ip_prefix text,
    created_at timestamptz not null,
    last_used_at timestamptz not null,
    -- Moves on with each refresh, never past absolute_expires_at.
    expires_at timestamptz not null,
    absolute_expires_at timestamptz not null
        constraint sessions_expiry_bounded check (expires_at <= absolute_expires_at),
    revoked_at timestamptz,
    revoked_why text
        constraint sessions_revoked_known check (revoked_why in
            ('logout', 'logout-all', 'password', 'role', 'reuse', 'operator')),
    constraint sessions_revoked_whole check ((revoked_at is null) = (revoked_why is null))
);

create index sessions_standing_by_user on sessions (user_id) where revoked_at is null;
create index sessions_by_expiry on sessions (expires_at);
create index sessions_by_revocation on sessions (revoked_at) where revoked_at is not null;

comment on table sessions is 'One row a sign-in; pruned a day after it ended.';

-- Every refresh token of a session, the used ones too, so that a second use is recognised.
create table refresh_tokens (
    -- SHA-256 of the token; the token itself is nowhere.
    hash bytea constraint refresh_tokens_pkey primary key
        constraint refresh_tokens_hash_length check (octet_length(hash) = 32),
    session_id uuid not null
        constraint refresh_tokens_session_fkey references sessions (id) on delete cascade,
    created_at timestamptz not null,
    used_at timestamptz
);

-- A session has one token that can be used, whatever races for it.
create unique index refresh_tokens_one_unused on refresh_tokens (session_id) where used_at is null;
create index refresh_tokens_by_session on refresh_tokens (session_id);

comment on table refresh_tokens is 'Hashes of refresh tokens; they go with their session.';

-- A key signs from signs_from until the next one's signs_from, and stays published until its last token is dead.
create table signing_keys (
    kid text constraint signing_keys_pkey primary key,
    -- Raw Ed25519.
    public_key bytea not null constraint signing_keys_public_length check (octet_length(public_key) = 32),
    -- PKCS#8, sealed with AES-256-GCM under a key derived from KEY_ENCRYPTION_SECRET; nonce first.
    sealed_private_key bytea not null,
    created_at timestamptz not null,
    signs_from timestamptz not null constraint signing_keys_signs_from_key unique
);

comment on table signing_keys is 'The keys of access tokens: the signing one, the next one, the retiring ones.';
