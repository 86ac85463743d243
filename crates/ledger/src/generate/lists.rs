//! Signed lists of records, some of them duplicates.

use rayon::prelude::*;

use super::fhir;
use crate::generate::random::Random;
use crate::{Ed25519SecretKey, List, SignedRecord, record_digest};

/// The lists that institutions upload. Each list's records are generated and signed on
/// the rayon pool in which `next` is called.
#[derive(Debug)]
pub struct Lists<'k> {
    institutions: &'k [Ed25519SecretKey],
    seed: u64,
    random: Random,
    longest: u64,
    /// The records still to be uploaded, and the duplicates among them.
    left: u64,
    duplicates: u64,
    /// The distinct records until now; they have the first numbers.
    distinct: u64,
}

impl<'k> Lists<'k> {
    /// Lists of 1 to `longest` records by `institutions`, with `records` records in all.
    /// Of these, `duplicates` repeat the bytes of an earlier record, uploaded by the same
    /// institution or by another.
    ///
    /// # Panics
    /// If there is no institution, if `longest` is 0, or if `duplicates` is not below
    /// `records`.
    pub fn new(
        institutions: &'k [Ed25519SecretKey],
        seed: u64,
        longest: u64,
        records: u64,
        duplicates: u64,
    ) -> Self {
        assert!(!institutions.is_empty() && longest > 0 && duplicates < records);
        // The runs of a seed are the numbers of records: no record has the last one.
        let random = Random::for_run(seed, u64::MAX);
        Lists { institutions, seed, random, longest, left: records, duplicates, distinct: 0 }
    }

    /// The number of the next record: a new one, or that of an earlier record. Draws
    /// without replacement, so that the number of duplicates is exact.
    fn next_number(&mut self) -> u64 {
        let is_duplicate = self.distinct > 0 && self.random.below(self.left) < self.duplicates;
        self.left -= 1;
        if is_duplicate {
            self.duplicates -= 1;
            return self.random.below(self.distinct);
        }
        self.distinct += 1;
        self.distinct - 1
    }
}

impl Iterator for Lists<'_> {
    type Item = List;

    fn next(&mut self) -> Option<List> {
        if self.left == 0 {
            return None;
        }
        // The lower of two draws, so that some institutions upload more than others.
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
pub fn sign_record(key: &Ed25519SecretKey, bytes: Vec<u8>) -> SignedRecord {
    let digest = record_digest(&bytes);
    SignedRecord { signature: key.sign(&digest.0), digest, bytes }
}

/// A list signed by an institution.
pub fn sign_list(key: &Ed25519SecretKey, emergency: bool, records: Vec<SignedRecord>) -> List {
    let institution = key.public_key();
    let mut list = List { institution, emergency, records, signature: [0; 64] };
    list.signature = key.sign(&list.message());
    list
}
