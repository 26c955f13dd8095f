"""What makes two prompts alike or different: wording, guard, MinHash, nearest neighbours."""
