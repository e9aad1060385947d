drop view crm.embeddings;
