//! The checks of a single block.

use ::bitcoin::block::{Header, Version};
use ::bitcoin::hashes::Hash as _;
use ::bitcoin::opcodes::all::{OP_PUSHNUM_1, OP_PUSHNUM_16};
use ::bitcoin::script::{Instruction, read_scriptint};
use ::bitcoin::{Network, Transaction};

use super::audit::BitcoinFailureKind;
use crate::reports::Reports;
use verilane::merkle::Root;
use verilane::pow::Target;
use verilane::{Digest, Engine, Error, Tree};

/// The first bytes of the script with which a coinbase commits to the witnesses
/// (BIP 141): OP_RETURN, a push of 36 bytes, and the commitment's header.
const COMMITMENT: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

/// The time of mainnet's block 227,931, the first that must state its height (BIP 34).
const HEIGHTS_REQUIRED: u32 = 1_364_140_204;

/// A decoded block, with its digests.
pub struct Subject<'a> {
    /// The network, if it is known.
    pub network: Option<Network>,
    /// The header.
    pub header: Header,
    /// The header's hash.
    pub hash: Digest,
    /// The first transaction.
    pub coinbase: Transaction,
    /// The ids of all transactions.
    pub ids: &'a [Digest],
    /// The digests of all transactions with their witnesses.
    pub witness_ids: &'a [Digest],
    /// Whether any transaction carries witness data.
    pub has_witness: bool,
}

impl Subject<'_> {
    /// Every failure of the block, with its detail.
    pub fn check(
        &self,
        engine: &Engine,
        reports: &mut Reports,
    ) -> Result<Vec<(BitcoinFailureKind, String)>, Error> {
        let root = reports.note(engine.merkle_root(Tree::Bitcoin, self.ids)?);
        let first_occurrences = reports.note(engine.first_occurrences(self.ids)?);
        let repeated = first_occurrences.duplicates().next();
        let repeated = repeated.map(|index| (first_occurrences.as_slice()[index], index));
        let failures = [
            self.check_work().map(|detail| (BitcoinFailureKind::ProofOfWork, detail)),
            self.check_root(&root).map(|detail| (BitcoinFailureKind::MerkleRoot, detail)),
            root.mutated.then(|| (BitcoinFailureKind::Mutated, MUTATED.into())),
            repeated.map(|(first, index)| {
                let id = self.ids[index].reversed();
                (
                    BitcoinFailureKind::DuplicateTransaction,
                    format!("transactions {first} and {index} have the same id {id}"),
                )
            }),
            self.check_witness(engine, reports)?
                .map(|detail| (BitcoinFailureKind::WitnessCommitment, detail)),
        ];
        Ok(failures.into_iter().flatten().collect())
    }

    fn check_work(&self) -> Option<String> {
        let bits = self.header.bits.to_consensus();
        let target = match Target::from_bits(bits) {
            Ok(target) => target,
            Err(error) => return Some(error.to_string()),
        };
        if !target.is_met_by(&self.hash) {
            return Some(format!("the hash is above {target}, the target of the header's bits {bits:08x}"));
        }
        let network = self.network.filter(|&network| target > easiest_target(network))?;
        Some(format!("the header's bits {bits:08x} ask for less work than the network {network} allows"))
    }

    fn check_root(&self, root: &Root) -> Option<String> {
        let stated = Digest(self.header.merkle_root.to_byte_array());
        let (stated, found) = (stated.reversed(), root.digest.reversed());
        (stated != found).then(|| format!("the header states {stated}, the transactions give {found}"))
    }

    /// The commitment is SHA-256d of the root over the witness ids, with zero for that of
    /// the coinbase, and of the coinbase's reserved value (BIP 141).
    fn check_witness(&self, engine: &Engine, reports: &mut Reports) -> Result<Option<String>, Error> {
        let Some(stated) = commitment(&self.coinbase) else {
            let reason = "the block carries witness data to which its coinbase does not commit";
            return Ok(self.has_witness.then(|| reason.into()));
        };
        if !self.has_witness {
            let reason = "the coinbase commits to witness data, but the block carries none: was it stripped?";
            return Ok((!self.predates_segwit()).then(|| reason.into()));
        }
        let Some(reserved) = reserved_value(&self.coinbase) else {
            return Ok(Some(
                "the witness of the coinbase is not the one item of 32 bytes that it must be".into(),
            ));
        };
        let mut leaves = self.witness_ids.to_vec();
        leaves[0] = Digest::default();
        let root = reports.note(engine.merkle_root(Tree::Bitcoin, &leaves)?);
        let found = Tree::Bitcoin.node(&root.digest, &reserved);
        Ok((stated != found)
            .then(|| format!("the coinbase commits to {stated}, the transactions give {found}")))
    }

    /// Before segwit was active, miners committed to witnesses that their blocks did not
    /// carry.
    fn predates_segwit(&self) -> bool {
        let first = match self.network {
            None | Some(Network::Bitcoin) => 481_824,
            Some(Network::Testnet) => 834_624,
            Some(_) => 0,
        };
        self.height().is_none_or(|height| height < first)
    }

    /// The height that the coinbase states (BIP 34), if the block must state one.
    pub fn height(&self) -> Option<u64> {
        let mainnet = self.network.is_none_or(|network| network == Network::Bitcoin);
        if self.header.version < Version::TWO || mainnet && self.header.time < HEIGHTS_REQUIRED {
            return None;
        }
        let script = &self.coinbase.input.first()?.script_sig;
        match script.instructions_minimal().next()?.ok()? {
            Instruction::PushBytes(push) => read_scriptint(push.as_bytes()).ok()?.try_into().ok(),
            Instruction::Op(op) => {
                let number = op.to_u8().checked_sub(OP_PUSHNUM_1.to_u8())? + 1;
                (op.to_u8() <= OP_PUSHNUM_16.to_u8()).then_some(number.into())
            }
        }
    }
}

const MUTATED: &str = "equal neighbours form a pair in the tree, so another list of transactions has this root too \
                       (CVE-2012-2459)";

fn easiest_target(network: Network) -> Target {
    Target::from_be_bytes(network.params().max_attainable_target.to_be_bytes())
}

/// The commitment in the last output that begins as one does.
fn commitment(coinbase: &Transaction) -> Option<Digest> {
    let scripts = coinbase.output.iter().rev().map(|output| output.script_pubkey.as_bytes());
    let script = scripts.into_iter().find(|script| script.len() >= 38 && script.starts_with(&COMMITMENT))?;
    Some(Digest(script[6..38].try_into().expect("32 bytes")))
}

fn reserved_value(coinbase: &Transaction) -> Option<Digest> {
    let witness = &coinbase.input.first()?.witness;
    if witness.len() != 1 {
        return None;
    }
    witness.nth(0)?.try_into().ok().map(Digest)
}
