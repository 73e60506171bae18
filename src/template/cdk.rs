//! The folder that `cdk synth` writes: stacks, nested assemblies, assets.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cloudformation::{self, Assets};
use super::stack::Stacks;
use super::{
    INVALID_TEMPLATE, Inputs, ReadFile, Template, TemplateKind, members, parse, unreadable,
};
use crate::diagnostic::Diagnostic;
use crate::document::{Document, Node};

/// How deep assemblies may be nested.
const MAX_NESTING: usize = 8;

/// Reads the machines of every stack of an assembly.
pub(super) fn load(
    folder: &Path,
    inputs: &Inputs,
    read: &ReadFile<'_>,
) -> Result<Template, Vec<Diagnostic>> {
    let mut assembly = Assembly { read, stacks: Vec::new(), assets: Assets::new() };
    assembly.add(folder, 0).map_err(|problem| vec![*problem])?;
    let mut stacks = Stacks::default();
    let single = assembly.stacks.len() == 1;
    for (name, path) in &assembly.stacks {
        let shown = path.display().to_string();
        let document = match read(path) {
            Ok(bytes) => parse(&shown, bytes),
            Err(error) => Err(Box::new(unreadable(&shown, &error.to_string()))),
        };
        match document {
            Ok(document) => {
                let prefix = if single { String::new() } else { format!("{name}/") };
                stacks.add(document, path, prefix, read);
            }
            Err(problem) => stacks.problems.push(*problem),
        }
    }
    let machines = cloudformation::machines(&stacks, inputs, read, &assembly.assets);
    let problems = stacks.problems;
    Ok(Template { path: folder.to_path_buf(), kind: TemplateKind::Cdk, machines, problems })
}

/// What the manifests of an assembly name.
struct Assembly<'r> {
    read: &'r ReadFile<'r>,
    /// Name and template of each stack.
    stacks: Vec<(Arc<str>, PathBuf)>,
    assets: Assets,
}

impl Assembly<'_> {
    fn add(&mut self, folder: &Path, depth: usize) -> Result<(), Box<Diagnostic>> {
        let document = self.document(&folder.join("manifest.json"))?;
        let artifacts = document.root.get("artifacts");
        for artifact in members(artifacts) {
            let property = |key: &str| {
                artifact.value.get("properties").and_then(|node| node.get(key)?.as_str()).cloned()
            };
            let artifact_type = artifact.value.get("type").and_then(Node::as_str);
            match artifact_type.map(|name| &**name) {
                Some("aws:cloudformation:stack") => {
                    if let Some(file) = property("templateFile") {
                        let name = property("stackName").unwrap_or_else(|| artifact.key.clone());
                        self.stacks.push((name, folder.join(&*file)));
                    }
                }
                Some("cdk:asset-manifest") => {
                    if let Some(file) = property("file") {
                        self.add_assets(folder, &file);
                    }
                }
                Some("cdk:cloud-assembly") if depth < MAX_NESTING => {
                    if let Some(name) = property("directoryName") {
                        self.add(&folder.join(&*name), depth + 1)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The files of a stack's assets, by the keys that templates name them with.
    fn add_assets(&mut self, folder: &Path, file: &str) {
        // Without them a definition in a file cannot be found, which is told then.
        let Ok(document) = self.document(&folder.join(file)) else { return };
        for asset in members(document.root.get("files")) {
            let path = asset.value.get("source").and_then(|node| node.get("path")?.as_str());
            let Some(path) = path else { continue };
            for destination in members(asset.value.get("destinations")) {
                if let Some(key) = destination.value.get("objectKey").and_then(Node::as_str) {
                    self.assets.insert(key.clone(), path.clone());
                }
            }
        }
    }

    fn document(&self, path: &Path) -> Result<Document, Box<Diagnostic>> {
        let shown = path.display().to_string();
        let bytes = (self.read)(path).map_err(|error| {
            let problem = unreadable(&shown, &error.to_string());
            let help = match error.kind() {
                io::ErrorKind::NotFound => {
                    "name the folder that `cdk synth` writes (`cdk.out`), or a template file"
                }
                _ => "`cdk synth` writes it anew",
            };
            Box::new(problem.with_help(help))
        })?;
        let document = parse(&shown, bytes)?;
        match document.root.as_object() {
            Some(_) => Ok(document),
            None => {
                let message = "expected a manifest of CDK, which is an object";
                Err(Box::new(document.error_in(&document.root, INVALID_TEMPLATE, message)))
            }
        }
    }
}
