//! HTTP only: routes, guards, documents.

pub mod document;
pub mod pages;
