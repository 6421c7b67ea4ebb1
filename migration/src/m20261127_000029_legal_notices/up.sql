-- That somebody, who needs no account, holds something to be against the law (Regulation 2022/2065, article 16). What they
-- say of it is the comment of a report.
CREATE TABLE legal_notice (
    id uuid CONSTRAINT legal_notice_pkey PRIMARY KEY,
    report_id uuid NOT NULL CONSTRAINT legal_notice_report_fkey REFERENCES report (id) ON DELETE CASCADE,
    -- Which law, in their words.
    legal_ground text NOT NULL,
    -- Whether it is about the sexual abuse of children: then nobody has to say who they are.
    is_child_abuse boolean NOT NULL,
    -- Their name and address, sealed; nothing where they did not say, or it was forgotten.
    sealed_contact bytea,
    created_at timestamptz NOT NULL,
    -- When they were told what came of it.
    decided_at timestamptz,
    CONSTRAINT legal_notice_report_key UNIQUE (report_id),
    CONSTRAINT legal_notice_ground_length CHECK (char_length(legal_ground) BETWEEN 3 AND 200),
    CONSTRAINT legal_notice_decided_later CHECK (decided_at >= created_at)
);

CREATE INDEX legal_notice_kept_idx ON legal_notice (decided_at) WHERE sealed_contact IS NOT NULL;

ALTER TABLE mail
    DROP CONSTRAINT mail_kind_known,
    ADD CONSTRAINT mail_kind_known CHECK (
        kind IN (
            'email_verification', 'password_reset', 'password_changed', 'email_change',
            'email_change_requested', 'email_changed', 'email_reverted', 'refresh_token_reused',
            'factor_added', 'factor_removed', 'recovery_code_used', 'recovery_codes_replaced',
            'export_ready', 'erasure_requested', 'erasure_cancelled', 'passkey_added', 'passkey_removed',
            'identity_linked', 'identity_unlinked', 'decision_made', 'appeal_decided', 'message_received',
            'notice_received', 'notice_decided'
        )
    );
