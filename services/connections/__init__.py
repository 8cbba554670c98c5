"""Provider connections and what is shared by those who use one."""
