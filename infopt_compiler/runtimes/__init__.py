"""The runtimes that serve: each opens an artifact as a user would. Imported only inside the serving process."""
