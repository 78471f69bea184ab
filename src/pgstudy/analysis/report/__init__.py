"""Everything -> the report, the paper set, and blocks of documents."""
