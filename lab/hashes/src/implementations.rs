//! The same derivations by each implementation.

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use common::table::whole;
use latchkey_salting::{SALT_BYTES, Scheme};
use std::num::NonZeroU32;

/// What is derived.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Pbkdf2Sha512,
    Pbkdf2Sha256,
    Argon2id,
}

impl Function {
    pub(crate) const ALL: [Self; 3] = [Self::Pbkdf2Sha512, Self::Pbkdf2Sha256, Self::Argon2id];

    pub(crate) fn name(self) -> String {
        let rounds = self.rounds().map(|rounds| whole(rounds.get().into())).unwrap_or_default();
        match self {
            Self::Pbkdf2Sha512 => format!("PBKDF2-HMAC-SHA-512, {rounds} rounds"),
            Self::Pbkdf2Sha256 => format!("PBKDF2-HMAC-SHA-256, {rounds} rounds"),
            Self::Argon2id => "Argon2id, 19 MiB, two passes, one lane".to_owned(),
        }
    }

    pub(crate) fn rounds(self) -> Option<NonZeroU32> {
        match self {
            Self::Pbkdf2Sha512 => NonZeroU32::new(Scheme::PBKDF2_SHA512_FLOOR),
            Self::Pbkdf2Sha256 => NonZeroU32::new(Scheme::PBKDF2_SHA256_FLOOR),
            Self::Argon2id => None,
        }
    }

    fn scheme(self) -> Scheme {
        match self {
            Self::Pbkdf2Sha512 => Scheme::pbkdf2_sha512(Scheme::PBKDF2_SHA512_FLOOR).expect("the floor is accepted"),
            Self::Pbkdf2Sha256 => Scheme::pbkdf2_sha256(Scheme::PBKDF2_SHA256_FLOOR).expect("the floor is accepted"),
            Self::Argon2id => Scheme::Argon2id,
        }
    }
}

/// Who derives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Implementation {
    /// `shared/salting`, as the functions call it: with the PHC string around the hash.
    Ours,
    Ring,
    AwsLc,
    OpenSsl,
}

impl Implementation {
    /// Ours first. Of Argon2id the others that are here have none: OpenSSL has it from 3.2 on.
    pub(crate) fn of(function: Function) -> &'static [Self] {
        match function {
            Function::Pbkdf2Sha512 | Function::Pbkdf2Sha256 => &[Self::Ours, Self::Ring, Self::AwsLc, Self::OpenSsl],
            Function::Argon2id => &[Self::Ours],
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Ring => "ring",
            Self::AwsLc => "aws-lc-rs",
            Self::OpenSsl => openssl::version::version(),
        }
    }

    /// The key as base64 without padding, as it ends a PHC string.
    pub(crate) fn derive(self, function: Function, password: &[u8], salt: &[u8; SALT_BYTES]) -> String {
        let sha512 = function == Function::Pbkdf2Sha512;
        let rounds = || function.rounds().expect("only PBKDF2 is asked of others");
        // Those of a new hash.
        let mut key = vec![0; if sha512 { 64 } else { 32 }];
        match self {
            Self::Ours => {
                let hash = latchkey_salting::hash(password, salt, function.scheme());
                return hash.as_str().rsplit('$').next().unwrap_or_default().to_owned();
            }
            Self::Ring => {
                use ring::pbkdf2::{PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512, derive};
                let algorithm = if sha512 { PBKDF2_HMAC_SHA512 } else { PBKDF2_HMAC_SHA256 };
                derive(algorithm, rounds(), salt, password, &mut key);
            }
            Self::AwsLc => {
                use aws_lc_rs::pbkdf2::{PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512, derive};
                let algorithm = if sha512 { PBKDF2_HMAC_SHA512 } else { PBKDF2_HMAC_SHA256 };
                derive(algorithm, rounds(), salt, password, &mut key);
            }
            Self::OpenSsl => {
                use openssl::hash::MessageDigest;
                let digest = if sha512 { MessageDigest::sha512() } else { MessageDigest::sha256() };
                let rounds = usize::try_from(rounds().get()).expect("a usize has 32 bits");
                openssl::pkcs5::pbkdf2_hmac(password, salt, rounds, digest, &mut key)
                    .expect("OpenSSL accepts lengths and rounds");
            }
        }
        BASE64_STANDARD_NO_PAD.encode(key)
    }
}
