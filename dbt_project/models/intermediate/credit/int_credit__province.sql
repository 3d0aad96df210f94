{{ config(
    key=['submission_id'],
    slice_by=['submission_id'],
    touched_by={
        'int_credit__loan': ['submission_id'],
    }
) }}

{{ province_of_report(ref('int_credit__loan') ~ ' -- slice: submission_id') }}
