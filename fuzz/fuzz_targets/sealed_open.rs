//! A seal opens where it was made, with the key that it names, unedited, and nowhere else.
#![cfg_attr(feature = "libfuzzer", no_main)]

use arbitrary::Arbitrary;
use fuzz::people::{other_ring, ring, seeded, subject};
use token_store::{
    FactorId,
    ott_core::{KeyId, Subject},
    seal::{SealError, SealedFor, needs_renewal, open, seal},
};

#[derive(Arbitrary, Debug)]
struct Input {
    plain: Vec<u8>,
    seed: u64,
    place: Place,
    elsewhere: Place,
    edits: Vec<Edit>,
    made_up: Vec<u8>,
}

#[derive(Arbitrary, Debug, PartialEq)]
struct Place {
    tenant: String,
    id: String,
    factor: [u8; 16],
    kind: String,
}

#[derive(Arbitrary, Debug)]
enum Edit {
    Append(u8),
    Cut(u16),
    Flip { at: u16, bits: u8 },
    Swap(u16, u16),
}

fuzz::fuzz_target!(|input: Input| {
    let keys = ring();
    let (owner, other) = (input.place.owner(), input.elsewhere.owner());
    let (factor, other_factor) = (input.place.factor(), input.elsewhere.factor());
    let place = SealedFor {
        owner: &owner,
        item: *factor.as_bytes(),
        kind: &input.place.kind,
    };
    let elsewhere = SealedFor {
        owner: &other,
        item: *other_factor.as_bytes(),
        kind: &input.elsewhere.kind,
    };
    let sealed = seal(&keys, &place, &input.plain, &mut seeded(input.seed)).expect("a seal");
    assert_eq!(sealed.len(), 1 + 4 + 24 + input.plain.len() + 16);
    assert_eq!(*open(&keys, &place, &sealed).expect("opens"), input.plain);
    assert!(!needs_renewal(&keys, &sealed));
    assert_eq!(
        open(&other_ring(), &place, &sealed),
        Err(SealError::KeyMissing(KeyId(1)))
    );
    assert!(needs_renewal(&other_ring(), &sealed));

    let moved = (&owner, &factor, place.kind) != (&other, &other_factor, elsewhere.kind);
    assert_eq!(open(&keys, &elsewhere, &sealed).is_err(), moved);

    let mut edited = sealed.clone();
    for edit in input.edits.iter().take(8) {
        edit.apply(&mut edited);
    }
    let answer = open(&keys, &place, &edited);
    assert_eq!(answer.is_ok(), edited == sealed);
    if let Err(SealError::KeyMissing(id)) = answer {
        assert!(id != KeyId(1) && id != KeyId(2));
        assert_eq!(edited[1..5], id.0.to_be_bytes());
    }

    // Nobody makes one without the key.
    assert_eq!(
        open(&keys, &place, &input.made_up).is_ok(),
        input.made_up == sealed
    );
    let _ = needs_renewal(&keys, &input.made_up);
    let mut begun = sealed[..5].to_vec();
    begun.extend(&input.made_up);
    assert_eq!(open(&keys, &place, &begun).is_ok(), begun == sealed);
});

impl Place {
    /// What cannot be a subject becomes one that can.
    fn owner(&self) -> Subject {
        Subject::new(self.tenant.as_str(), self.id.as_str()).unwrap_or(subject("", "x"))
    }

    fn factor(&self) -> FactorId {
        FactorId::from_bytes(self.factor)
    }
}

impl Edit {
    fn apply(&self, sealed: &mut Vec<u8>) {
        let length = sealed.len();
        match *self {
            Self::Append(byte) => sealed.push(byte),
            Self::Cut(at) => sealed.truncate(usize::from(at)),
            Self::Flip { at, bits } if length > 0 => sealed[usize::from(at) % length] ^= bits,
            Self::Swap(one, other) if length > 0 => {
                sealed.swap(usize::from(one) % length, usize::from(other) % length);
            }
            Self::Flip { .. } | Self::Swap(..) => {}
        }
    }
}
