-- What: a declared movement of households that counts does not stand in fct_poverty_movement, or not as declared.
-- When: the columns of a form were put in another order, or two rows of one commune were joined.
-- How to resolve: compare the columns of the macro movement_columns with the form's columns in staging.
with declared as (
    select
        'poor' as form_code,
        poor_submission_id as submission_id,
        poor_sheet_name as sheet_name,
        poor_row_number as row_number,
        declared_poor_start as start_count,
        declared_poor_from_near_poor as from_other_class_count,
        declared_poor_end as end_count
    from {{ ref('fct_poverty_movement') }}
    union all
    select
        'near_poor',
        near_poor_submission_id,
        near_poor_sheet_name,
        near_poor_row_number,
        declared_near_poor_start,
        declared_near_poor_from_poor,
        declared_near_poor_end
    from {{ ref('fct_poverty_movement') }}
),

staged as (
    select
        'poor' as form_code,
        submission_id,
        sheet_name,
        row_number,
        start_count,
        from_near_poor_count as from_other_class_count,
        end_count
    from {{ ref('stg_poor_movement') }}
    union all
    select
        'near_poor',
        submission_id,
        sheet_name,
        row_number,
        start_count,
        from_poor_count,
        end_count
    from {{ ref('stg_near_poor_movement') }}
)

select staged.*
from staged
left join {{ ref('int_report__set_aside') }} as aside
    on
        staged.form_code || '_movement' = aside.dataset
        and staged.submission_id = aside.submission_id
        and staged.sheet_name = aside.sheet_name
        and staged.row_number = aside.row_number
left join declared
    on
        staged.form_code = declared.form_code
        and staged.submission_id = declared.submission_id
        and staged.sheet_name = declared.sheet_name
        and staged.row_number = declared.row_number
where
    aside.submission_id is null
    and (
        declared.submission_id is null
        or staged.start_count is distinct from declared.start_count
        or staged.from_other_class_count is distinct from declared.from_other_class_count
        or staged.end_count is distinct from declared.end_count
    )
