//! Signed lists of records, some of them duplicates.

use ed25519_dalek::{Signer as _, SigningKey};
use rayon::prelude::*;

use super::fhir;
use crate::generate::random::Random;
use crate::{List, SignedRecord, record_digest};

/// The lists that institutions upload. The records of each are made and signed on the
/// threads of the pool that it is asked for in.
#[derive(Debug)]
pub struct Lists<'k> {
    institutions: &'k [SigningKey],
    seed: u64,
    random: Random,
    longest: u64,
    /// Records still to be uploaded, and how many of them are to be duplicates.
    left: u64,
    duplicates: u64,
    /// Different records until now; their numbers are the first ones.
    different: u64,
}

impl<'k> Lists<'k> {
    /// Lists of 1 to `longest` records by `institutions`, `records` of them
    /// together; of these `duplicates` are the bytes of an earlier one, uploaded
    /// by the same institution or by another.
    ///
    /// # Panics
    /// If there is no institution, if `longest` is 0, or if there are not fewer
    /// `duplicates` than `records`.
    pub fn new(
        institutions: &'k [SigningKey],
        seed: u64,
        longest: u64,
        records: u64,
        duplicates: u64,
    ) -> Self {
        assert!(!institutions.is_empty() && longest > 0 && duplicates < records);
        // Runs count records: the last is nobody else's.
        let random = Random::for_run(seed, u64::MAX);
        Lists { institutions, seed, random, longest, left: records, duplicates, different: 0 }
    }

    /// The number of the next record: a new one, or that of one before. Every
    /// choice among those left is equally likely, and so as many are duplicates
    /// in the end as were asked for.
    fn next_number(&mut self) -> u64 {
        let is_duplicate = self.different > 0 && self.random.below(self.left) < self.duplicates;
        self.left -= 1;
        if is_duplicate {
            self.duplicates -= 1;
            return self.random.below(self.different);
        }
        self.different += 1;
        self.different - 1
    }
}

impl Iterator for Lists<'_> {
    type Item = List;

    fn next(&mut self) -> Option<List> {
        if self.left == 0 {
            return None;
        }
        // The lower of two draws: some institutions upload more than others.
        let count = self.institutions.len() as u64;
        let institution = self.random.below(count).min(self.random.below(count));
        let emergency = self.random.below(20) == 0;
        let length = (1 + self.random.below(self.longest)).min(self.left);
        let numbers: Vec<_> = (0..length).map(|_| self.next_number()).collect();
        let key = &self.institutions[institution as usize];
        let sign = |number| sign_record(key, fhir::record(self.seed, number));
        Some(sign_list(key, emergency, numbers.into_par_iter().map(sign).collect()))
    }
}

/// A record signed by an institution.
pub fn sign_record(key: &SigningKey, bytes: Vec<u8>) -> SignedRecord {
    let digest = record_digest(&bytes);
    SignedRecord { signature: key.sign(&digest.0).to_bytes(), digest, bytes }
}

/// A list signed by an institution.
pub fn sign_list(key: &SigningKey, emergency: bool, records: Vec<SignedRecord>) -> List {
    let institution = key.verifying_key().to_bytes();
    let mut list = List { institution, emergency, records, signature: [0; 64] };
    list.signature = key.sign(&list.message()).to_bytes();
    list
}
