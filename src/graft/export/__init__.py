"""Saved models: opened by timm without graft, and re-scored whenever graft opens them."""
