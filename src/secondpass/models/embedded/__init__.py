"""The embedded model: weights, tokenizer and lexical table that ship in the wheel, and the recipe that reads them."""
