"""Models on one contract: `load_model` reads any of them back, `MODELS` names them."""
