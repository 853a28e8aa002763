//! Reads the packaged template.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::prices::Size;
use crate::Failure;

pub(super) struct Template(Map<String, Value>);

impl Template {
    pub(super) fn read(file: &Path) -> Result<Self, Failure> {
        let mut json: Value = serde_json::from_slice(&fs::read(file)?)?;
        match json["Resources"].take() {
            Value::Object(resources) => Ok(Self(resources)),
            _ => Err(format!("{} has no resources", file.display()).into()),
        }
    }

    /// Logical id, type and properties.
    pub(super) fn resources(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        self.0
            .iter()
            .map(|(id, resource)| (id.as_str(), resource["Type"].as_str().unwrap_or_default(), &resource["Properties"]))
    }

    /// The properties of all resources of a type.
    pub(super) fn of_type(&self, kind: &str) -> Vec<&Value> {
        self.resources().filter(|(_, found, _)| *found == kind).map(|(_, _, properties)| properties).collect()
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    pub(super) fn properties(&self, id: &str) -> Result<&Value, Failure> {
        let resource = self.0.get(id);
        Ok(&resource.ok_or_else(|| format!("the template has no {id}"))?["Properties"])
    }

    /// Memory and architecture of a function.
    pub(super) fn size(&self, function: &str) -> Result<Size, Failure> {
        let properties = self.properties(function)?;
        let architecture = properties["Architectures"][0].as_str().unwrap_or("x86_64").to_owned();
        Ok(Size { gigabytes: number(properties, "MemorySize")? / 1024.0, architecture })
    }

    pub(super) fn is_traced(&self, function: &str) -> Result<bool, Failure> {
        Ok(self.properties(function)?["TracingConfig"]["Mode"] == "Active")
    }

    /// Whether post-log puts batches into a queue.
    pub(super) fn is_queued(&self) -> Result<bool, Failure> {
        let variables = &self.properties("PostLogLambdaFunction")?["Environment"]["Variables"];
        Ok(variables.get("QUEUE_URL").is_some())
    }
}

/// A number of a resource.
pub(super) fn number(properties: &Value, name: &str) -> Result<f64, Failure> {
    Ok(properties[name].as_f64().ok_or_else(|| format!("{name} is no number but {}", properties[name]))?)
}

/// The file in which osls writes the region.
pub(super) fn region(package: &Path) -> Result<String, Failure> {
    let state: Value = serde_json::from_slice(&fs::read(package.join("serverless-state.json"))?)?;
    let region = state["service"]["provider"]["region"].as_str().map(str::to_owned);
    Ok(region.ok_or("the package names no region; give --region")?)
}
