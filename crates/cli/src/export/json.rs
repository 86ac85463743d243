//! JSON: everything, every sample.

use crate::bench::data::report::Report;

pub fn render(report: &Report) -> anyhow::Result<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(report)?;
    json.push(b'\n');
    Ok(json)
}
