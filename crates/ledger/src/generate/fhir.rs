//! Synthetic health records in the format of FHIR R4, derived from a seed.
//!
//! Codes, units and reference ranges are real; people, places and values are invented.

use serde::Serialize;

use super::clock::Instant;
use crate::generate::random::Random;

/// Record `number` of `seed`, as JSON of 300 to 1500 bytes. Every number has a distinct
/// record.
pub fn record(seed: u64, number: u64) -> Vec<u8> {
    let mut draw = Draw { random: Random::for_run(seed, number), number };
    let resource = match draw.below(20) {
        0..2 => draw.patient(),
        2..11 => draw.observation(),
        11..13 => draw.condition(),
        13..17 => draw.encounter(),
        _ => draw.medication_request(),
    };
    serde_json::to_vec(&resource).expect("a resource has only strings, numbers and lists")
}

#[derive(Serialize)]
struct Coding {
    system: &'static str,
    code: &'static str,
    display: &'static str,
}

#[derive(Serialize)]
struct Concept {
    coding: [Coding; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'static str>,
}

#[derive(Serialize)]
struct Reference {
    reference: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    version_id: String,
    last_updated: Instant,
}

#[derive(Serialize)]
struct Quantity {
    value: f64,
    unit: &'static str,
    system: &'static str,
    code: &'static str,
}

#[derive(Serialize)]
struct Period {
    start: Instant,
    end: Instant,
}

#[derive(Serialize)]
struct Identifier {
    r#use: &'static str,
    system: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Name {
    r#use: &'static str,
    family: &'static str,
    given: [&'static str; 1],
}

#[derive(Serialize)]
struct Contact {
    system: &'static str,
    value: String,
    r#use: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    r#use: &'static str,
    line: [String; 1],
    city: &'static str,
    postal_code: String,
}

#[derive(Serialize)]
struct Range {
    low: Quantity,
    high: Quantity,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dosage {
    text: String,
    timing: Timing,
    dose_and_rate: [Dose; 1],
}

#[derive(Serialize)]
struct Timing {
    repeat: Repeat,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Repeat {
    frequency: u64,
    period: u64,
    period_unit: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dose {
    dose_quantity: Quantity,
}

#[derive(Serialize)]
#[serde(tag = "resourceType", rename_all_fields = "camelCase")]
enum Resource {
    Patient {
        id: String,
        meta: Meta,
        identifier: [Identifier; 1],
        active: bool,
        name: [Name; 1],
        telecom: [Contact; 1],
        gender: &'static str,
        birth_date: String,
        address: [Address; 1],
        managing_organization: Reference,
    },
    Observation {
        id: String,
        meta: Meta,
        status: &'static str,
        category: [Concept; 1],
        code: Concept,
        subject: Reference,
        encounter: Reference,
        effective_date_time: Instant,
        issued: Instant,
        performer: [Reference; 1],
        value_quantity: Quantity,
        reference_range: [Range; 1],
    },
    Condition {
        id: String,
        meta: Meta,
        clinical_status: Concept,
        verification_status: Concept,
        category: [Concept; 1],
        code: Concept,
        subject: Reference,
        encounter: Reference,
        onset_date_time: String,
        recorded_date: Instant,
        recorder: Reference,
    },
    Encounter {
        id: String,
        meta: Meta,
        status: &'static str,
        class: Coding,
        r#type: [Concept; 1],
        subject: Reference,
        participant: [Participant; 1],
        period: Period,
        reason_code: [Concept; 1],
        service_provider: Reference,
    },
    MedicationRequest {
        id: String,
        meta: Meta,
        status: &'static str,
        intent: &'static str,
        medication_codeable_concept: Concept,
        subject: Reference,
        encounter: Reference,
        authored_on: Instant,
        requester: Reference,
        reason_code: [Concept; 1],
        dosage_instruction: [Dosage; 1],
    },
}

#[derive(Serialize)]
struct Participant {
    individual: Reference,
}

/// The random source of a record, and its number.
struct Draw {
    random: Random,
    number: u64,
}

/// The mean number of records of a patient.
const RECORDS_OF_A_PATIENT: u64 = 25;

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.random.below(n)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// A string in the format of a version 4 UUID. It contains the record's number, so
    /// that records are distinct.
    fn id(&mut self) -> String {
        let bits = self.random.bits();
        let [a, b, c, d] = [0, 16, 28, 40].map(|shift| bits >> shift & 0xfff);
        format!("{:08x}-{a:04x}-4{b:03x}-8{c:03x}-{:012x}", bits >> 32 ^ d, self.number)
    }

    fn reference(&mut self, kind: &str, choices: u64) -> Reference {
        Reference { reference: format!("{kind}/{}", 10_000 + self.below(choices)) }
    }

    fn patient_reference(&mut self) -> Reference {
        let patient = self.number / RECORDS_OF_A_PATIENT + self.below(4);
        Reference { reference: format!("Patient/p{patient:07}") }
    }

    /// A time at most 193 seconds after that of the previous record.
    fn time(&mut self) -> Instant {
        Instant::YEAR_2025.plus(self.number * 97 + self.below(97))
    }

    /// A day in one of `years` years from `from` on, no later than the 28th of its month.
    fn day(&mut self, from: u64, years: u64) -> String {
        format!("{}-{:02}-{:02}", from + self.below(years), 1 + self.below(12), 1 + self.below(28))
    }

    fn meta(&mut self, time: Instant) -> Meta {
        Meta { version_id: (1 + self.below(3)).to_string(), last_updated: time.plus(self.below(86_400)) }
    }

    fn patient(&mut self) -> Resource {
        let time = self.time();
        let (gender, given) = if self.below(2) == 0 {
            ("female", self.one_of(&["Ana", "Li", "Maria", "Fatima", "Emma", "Priya", "Yuki", "Grace"]))
        } else {
            ("male", self.one_of(&["Juan", "Wei", "Ahmed", "Liam", "Raj", "Kenji", "Samuel", "Ivan"]))
        };
        let families = [
            "Wang", "García", "Smith", "Müller", "Okafor", "Ivanova", "Tanaka", "Singh", "Kowalski", "Nguyen",
        ];
        let cities = ["Baoding", "Pingdingshan", "Kolkata", "Lagos", "Graz", "Porto", "Leeds", "Osaka"];
        let streets = ["Harbour Street", "Station Road", "Mill Lane", "Garden Avenue", "Market Square"];
        Resource::Patient {
            id: self.id(),
            meta: self.meta(time),
            identifier: [Identifier {
                r#use: "official",
                system: "urn:example:health-card",
                value: format!("{:010}", self.below(10_000_000_000)),
            }],
            active: true,
            name: [Name { r#use: "official", family: self.one_of(&families), given: [given] }],
            telecom: [Contact {
                system: "phone",
                value: format!("+00 {:03} {:07}", self.below(1000), self.below(10_000_000)),
                r#use: "mobile",
            }],
            gender,
            birth_date: self.day(1930, 95),
            address: [Address {
                r#use: "home",
                line: [format!("{} {}", 1 + self.below(200), self.one_of(&streets))],
                city: self.one_of(&cities),
                postal_code: format!("{:06}", self.below(1_000_000)),
            }],
            managing_organization: self.reference("Organization", 500),
        }
    }

    fn observation(&mut self) -> Resource {
        let (code, display, unit, [low, high], scale, category) = self.one_of(&OBSERVATIONS);
        let time = self.time();
        let quantity = |value: u64| Quantity {
            value: value as f64 / scale as f64,
            unit,
            system: "http://unitsofmeasure.org",
            code: unit,
        };
        // From a fifth of the range below it to a fifth above.
        let (width, fifth) = ((high - low) * 7 / 5 + 1, (high - low) / 5);
        let category_display = if category == "laboratory" { "Laboratory" } else { "Vital Signs" };
        Resource::Observation {
            id: self.id(),
            meta: self.meta(time),
            status: self.one_of(&["final", "final", "final", "amended"]),
            category: [concept(
                "http://terminology.hl7.org/CodeSystem/observation-category",
                category,
                category_display,
            )],
            code: Concept { text: Some(display), ..concept("http://loinc.org", code, display) },
            subject: self.patient_reference(),
            encounter: self.reference("Encounter", 1_000_000),
            effective_date_time: time,
            issued: time.plus(self.below(7200)),
            performer: [self.reference("Practitioner", 5_000)],
            value_quantity: quantity(low - fifth + self.below(width)),
            reference_range: [Range { low: quantity(low), high: quantity(high) }],
        }
    }

    fn condition(&mut self) -> Resource {
        let time = self.time();
        let (status, status_display) = self.one_of(&[("active", "Active"), ("resolved", "Resolved")]);
        Resource::Condition {
            id: self.id(),
            meta: self.meta(time),
            clinical_status: concept(
                "http://terminology.hl7.org/CodeSystem/condition-clinical",
                status,
                status_display,
            ),
            verification_status: concept(
                "http://terminology.hl7.org/CodeSystem/condition-ver-status",
                "confirmed",
                "Confirmed",
            ),
            category: [concept(
                "http://terminology.hl7.org/CodeSystem/condition-category",
                "encounter-diagnosis",
                "Encounter Diagnosis",
            )],
            code: self.disorder(),
            subject: self.patient_reference(),
            encounter: self.reference("Encounter", 1_000_000),
            onset_date_time: self.day(2015, 10),
            recorded_date: time,
            recorder: self.reference("Practitioner", 5_000),
        }
    }

    fn encounter(&mut self) -> Resource {
        let start = self.time();
        let (class, class_display, minutes) = self.one_of(&[
            ("AMB", "ambulatory", 60),
            ("EMER", "emergency", 600),
            ("IMP", "inpatient encounter", 14_400),
        ]);
        let end = start.plus(600 + 60 * self.below(minutes));
        let (kind, kind_display) = self.one_of(&ENCOUNTERS);
        Resource::Encounter {
            id: self.id(),
            meta: self.meta(end),
            status: "finished",
            class: Coding {
                system: "http://terminology.hl7.org/CodeSystem/v3-ActCode",
                code: class,
                display: class_display,
            },
            r#type: [Concept { text: Some(kind_display), ..concept(SNOMED, kind, kind_display) }],
            subject: self.patient_reference(),
            participant: [Participant { individual: self.reference("Practitioner", 5_000) }],
            period: Period { start, end },
            reason_code: [self.disorder()],
            service_provider: self.reference("Organization", 500),
        }
    }

    fn medication_request(&mut self) -> Resource {
        let time = self.time();
        let (code, display) = self.one_of(&MEDICATIONS);
        let frequency = 1 + self.below(3);
        let tablets = 1 + self.below(2);
        Resource::MedicationRequest {
            id: self.id(),
            meta: self.meta(time),
            status: self.one_of(&["active", "completed", "stopped"]),
            intent: "order",
            medication_codeable_concept: Concept {
                text: Some(display),
                ..concept("http://www.nlm.nih.gov/research/umls/rxnorm", code, display)
            },
            subject: self.patient_reference(),
            encounter: self.reference("Encounter", 1_000_000),
            authored_on: time,
            requester: self.reference("Practitioner", 5_000),
            reason_code: [self.disorder()],
            dosage_instruction: [Dosage {
                text: format!("{tablets} by mouth, {frequency} times a day"),
                timing: Timing { repeat: Repeat { frequency, period: 1, period_unit: "d" } },
                dose_and_rate: [Dose {
                    dose_quantity: Quantity {
                        value: tablets as f64,
                        unit: "{tbl}",
                        system: "http://unitsofmeasure.org",
                        code: "{tbl}",
                    },
                }],
            }],
        }
    }

    fn disorder(&mut self) -> Concept {
        let (code, display) = self.one_of(&DISORDERS);
        Concept { text: Some(display), ..concept(SNOMED, code, display) }
    }
}

const SNOMED: &str = "http://snomed.info/sct";

fn concept(system: &'static str, code: &'static str, display: &'static str) -> Concept {
    Concept { coding: [Coding { system, code, display }], text: None }
}

/// LOINC code, name, UCUM unit, normal range in fractions of a unit, the fractions in a
/// unit, and category.
type Observed = (&'static str, &'static str, &'static str, [u64; 2], u64, &'static str);

#[rustfmt::skip]
const OBSERVATIONS: [Observed; 16] = [
    ("8867-4", "Heart rate", "/min", [60, 100], 1, "vital-signs"),
    ("9279-1", "Respiratory rate", "/min", [12, 20], 1, "vital-signs"),
    ("8310-5", "Body temperature", "Cel", [361, 372], 10, "vital-signs"),
    ("8480-6", "Systolic blood pressure", "mm[Hg]", [90, 120], 1, "vital-signs"),
    ("8462-4", "Diastolic blood pressure", "mm[Hg]", [60, 80], 1, "vital-signs"),
    ("29463-7", "Body weight", "kg", [450, 1100], 10, "vital-signs"),
    ("8302-2", "Body height", "cm", [1500, 1950], 10, "vital-signs"),
    ("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "%", [95, 100], 1, "vital-signs"),
    ("2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", [70, 99], 1, "laboratory"),
    ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", [40, 56], 10, "laboratory"),
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", [120, 175], 10, "laboratory"),
    ("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", [60, 120], 100, "laboratory"),
    ("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", [125, 200], 1, "laboratory"),
    ("2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", [135, 145], 1, "laboratory"),
    ("2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", [35, 51], 10, "laboratory"),
    ("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", [45, 110], 10, "laboratory"),
];

/// SNOMED CT codes of disorders.
const DISORDERS: [(&str, &str); 12] = [
    ("59621000", "Essential hypertension"),
    ("44054006", "Diabetes mellitus type 2"),
    ("195967001", "Asthma"),
    ("233604007", "Pneumonia"),
    ("13645005", "Chronic obstructive pulmonary disease"),
    ("53741008", "Coronary arteriosclerosis"),
    ("84114007", "Heart failure"),
    ("49436004", "Atrial fibrillation"),
    ("195662009", "Acute viral pharyngitis"),
    ("10509002", "Acute bronchitis"),
    ("55822004", "Hyperlipidemia"),
    ("64859006", "Osteoporosis"),
];

/// SNOMED CT codes of encounters.
const ENCOUNTERS: [(&str, &str); 4] = [
    ("185345009", "Encounter for symptom"),
    ("185349003", "Encounter for check up"),
    ("390906007", "Follow-up encounter"),
    ("50849002", "Emergency room admission"),
];

/// RxNorm codes of drugs.
const MEDICATIONS: [(&str, &str); 8] = [
    ("314076", "lisinopril 10 MG Oral Tablet"),
    ("197361", "amlodipine 5 MG Oral Tablet"),
    ("312961", "simvastatin 20 MG Oral Tablet"),
    ("313782", "acetaminophen 325 MG Oral Tablet"),
    ("310965", "ibuprofen 200 MG Oral Tablet"),
    ("243670", "aspirin 81 MG Oral Tablet"),
    ("310798", "hydrochlorothiazide 25 MG Oral Tablet"),
    ("308182", "amoxicillin 250 MG Oral Capsule"),
];

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use serde_json::Value;

    use super::*;

    #[test]
    fn records_are_valid_and_distinct() {
        let mut kinds = BTreeMap::new();
        let mut seen = HashSet::new();
        for number in 0..3000 {
            let bytes = record(7, number);
            assert!((300..=1500).contains(&bytes.len()), "{}", String::from_utf8_lossy(&bytes));
            let json: Value = serde_json::from_slice(&bytes).unwrap();
            assert!(bytes.starts_with(b"{\"resourceType\":\""));
            assert_eq!(json["id"].as_str().unwrap().len(), 36, "{json}");
            *kinds.entry(json["resourceType"].as_str().unwrap().to_owned()).or_insert(0) += 1;
            assert!(seen.insert(bytes));
        }
        let kinds: Vec<_> = kinds.into_iter().filter(|kind| kind.1 > 200).map(|kind| kind.0).collect();
        assert_eq!(kinds, ["Condition", "Encounter", "MedicationRequest", "Observation", "Patient"]);
    }

    #[test]
    fn a_seed_gives_the_same_records_everywhere() {
        assert_eq!(record(7, 3), record(7, 3));
        assert_ne!(record(7, 3), record(8, 3));
        let first = String::from_utf8(record(1, 0)).unwrap();
        assert_eq!(
            verilane::Hash::Sha256.digest(first.as_bytes()).to_string(),
            "338f1bccce83e9c5945ae16ef6946839a5500a9c635806a69547cfd0e04ef800",
            "{first}"
        );
    }
}
